"""``shares-core doctor``: what this host lacks."""

from __future__ import annotations

import click

from shares_core.domain.findings import Verdict
from shares_core.entrypoints.cli import documents
from shares_core.entrypoints.cli.errors import MISSING
from shares_core.entrypoints.cli.framework import Command
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation


@click.command("doctor", cls=Command)
@pass_invocation
def doctor(invocation: Invocation) -> None:
    """Tell what this host lacks, and the commands that fix it.

    Exits with 1 if anything is missing.
    """
    found = invocation.doors.examine(invocation.config)
    findings = [(finding, invocation.worded(finding.remedy)) for finding in found]
    missing = sum(finding.verdict is Verdict.MISSING for finding in found)

    def tell() -> None:
        rows = [(f.subject, str(f.verdict), f.detail) for f in found]
        invocation.out.table(("what", "verdict", "detail"), rows, "nothing was examined")
        mends = [(finding.subject, mend) for finding, mend in findings if mend]
        if mends:
            invocation.out.lines("", "to mend it:")
            invocation.out.fields([(f"  {subject}", mend) for subject, mend in mends])
        invocation.out.lines("", f"{missing} missing" if missing else "nothing is missing")

    invocation.out.answer([documents.finding(*each) for each in findings], tell)
    if missing:
        raise click.exceptions.Exit(MISSING)
