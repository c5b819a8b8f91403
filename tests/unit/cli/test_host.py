"""``doctor`` and ``image build``."""

from __future__ import annotations

import pytest
from tests.unit.cli.terminal import Terminal

from shares_core.domain.findings import Finding, Verdict
from shares_core.domain.remedy import HostTool, Packages, Remedy

START = Remedy.of(HostTool("systemctl", ("start", "docker")))
OK = Finding("root", Verdict.OK, "running as root")
NOTE = Finding("tools", Verdict.NOTE, "no xfsprogs", Remedy.of(Packages(("xfsprogs",))))
MISSING = Finding("docker", Verdict.MISSING, "does not answer", START)


@pytest.mark.parametrize(
    ("findings", "status"), [((OK,), 0), ((OK, NOTE), 0), ((OK, NOTE, MISSING), 1), ((), 0)]
)
def test_only_what_is_missing_makes_doctor_fail(
    terminal: Terminal, findings: tuple[Finding, ...], status: int
) -> None:
    terminal.findings = findings
    result = terminal("doctor")
    assert (status, "") == (result.status, result.err)
    assert status == terminal("doctor", "--json").status


def test_doctor_prints_the_command_that_fixes_each(terminal: Terminal) -> None:
    terminal.findings = (OK, NOTE, MISSING)
    out = terminal("doctor").out
    assert "docker  missing  does not answer\n" in out
    assert "  tools   apt-get install xfsprogs\n  docker  systemctl start docker\n" in out
    assert out.endswith("1 missing\n")
    document = terminal("doctor", "--json").document
    assert ["ok", "note", "missing"] == [each["verdict"] for each in document]
    assert {
        "subject": "docker",
        "verdict": "missing",
        "detail": "does not answer",
        "mend": "systemctl start docker",
    } == document[-1]


def test_doctor_needs_neither_root_nor_a_host(terminal: Terminal) -> None:
    terminal.use(is_root=lambda: False)
    terminal.findings = (OK,)
    assert 0 == terminal("doctor").status


def test_a_build_tells_its_steps(terminal: Terminal) -> None:
    lines = terminal.ok("image", "build").out.splitlines()
    assert [r"Step 1/2 : FROM \x1b[31mdebian", "Step 2/2 : RUN true"] == lines[:2]
    assert lines[2].startswith("image shares-core-samba was built in ")


def test_a_build_s_steps_are_no_part_of_the_document(terminal: Terminal) -> None:
    result = terminal.ok("image", "build", "--json")
    assert ["image", "built", "seconds"] == list(result.document)
    assert ("shares-core-samba", True) == (result.document["image"], result.document["built"])
    result = terminal("image", "build", "--json", "-v")
    assert "  Step 2/2 : RUN true" == result.err.splitlines()[1]
    assert result.document["built"]


def test_a_fresh_image_is_asked_for_with_an_option(terminal: Terminal) -> None:
    """``--fresh`` reaches the builder, so that security updates need no knowledge of Docker."""
    assert "without the cache" in terminal.ok("image", "build", "--fresh").out
    assert "without the cache" not in terminal.ok("image", "build").out
