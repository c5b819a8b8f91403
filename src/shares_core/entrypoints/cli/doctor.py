"""``shares-core doctor``: what this host lacks."""

from __future__ import annotations

import click
from attrs import evolve

from shares_core.domain.findings import Verdict
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.errors import MISSING
from shares_core.entrypoints.cli.framework import Command
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation


@click.command("doctor", cls=Command)
@pass_invocation
def doctor(invocation: Invocation) -> None:
    """Tell what this host lacks, and the command that mends it.

    Exits with 1 if anything is missing.
    """
    found = invocation.doors.examine(invocation.config)
    findings = [evolve(finding, mend=invocation.addressed(finding.mend)) for finding in found]
    missing = sum(finding.verdict is Verdict.MISSING for finding in findings)

    def tell() -> None:
        rows = [(f.subject, str(f.verdict), f.detail) for f in findings]
        invocation.out.table(("what", "verdict", "detail"), rows, "nothing was examined")
        mends = [(f.subject, f.mend) for f in findings if f.mend]
        if mends:
            invocation.out.lines("", "to mend it:")
            invocation.out.fields([(f"  {subject}", mend) for subject, mend in mends])
        invocation.out.lines("", f"{missing} missing" if missing else "nothing is missing")

    invocation.out.answer([documents.finding(finding) for finding in findings], tell)
    if missing:
        raise click.exceptions.Exit(MISSING)
