from __future__ import annotations

import subprocess
import sys

import click
import pytest
from tests.unit.cli.terminal import Terminal

from shares_core.entrypoints.cli import root

COMMANDS = {
    "server create", "server list", "server show", "server set", "server log", "server start", "server stop",
    "server upgrade", "server delete",
    "share create", "share list", "share show", "share set", "share rename", "share extend", "share shrink",
    "share check", "share audit", "share delete",
    "snapshot create", "snapshot list", "snapshot show", "snapshot delete", "snapshot revert",
    "snapshot export", "snapshot unexport",
    "schedule set", "schedule show", "schedule clear",
    "access allow", "access deny", "access list", "access replace",
    "user list", "user set-password", "user remove",
    "session list", "session close", "file list",
    "operation list", "operation show", "operation cancel",
    "pool list", "pool show", "pool create", "pool extend",
    "image build", "reconcile", "watch", "doctor", "demo",
}  # fmt: skip
GROUPS = (
    "server",
    "share",
    "access",
    "user",
    "session",
    "snapshot",
    "schedule",
    "file",
    "operation",
    "pool",
    "image",
)


def test_the_surface_is_what_was_promised() -> None:
    """No command is missing, and the tests know every command."""
    found = set()
    for name, command in root.commands.items():
        inner = command.commands if isinstance(command, click.Group) else None
        found |= {name} if inner is None else {f"{name} {each}" for each in inner}
    assert COMMANDS == found


@pytest.mark.parametrize("command", sorted(COMMANDS | set(GROUPS)))
def test_every_command_explains_itself(terminal: Terminal, command: str) -> None:
    result = terminal.bare(*command.split(), "--help")
    assert (0, "") == (result.status, result.err)
    assert f"Usage: shares-core {command}" in result.out


def test_alone_it_prints_its_help(terminal: Terminal) -> None:
    result = terminal.bare()
    assert (0, "") == (result.status, result.err)
    assert result.out.startswith("Usage: shares-core")


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_alone_prints_its_help_and_fails(terminal: Terminal, group: str) -> None:
    result = terminal.bare(group)
    assert 2 == result.status
    assert result.out.startswith(f"Usage: shares-core {group}")


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_no_command_summary_is_truncated(
    terminal: Terminal, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 80 columns, each line of a list of commands is complete."""
    monkeypatch.setenv("COLUMNS", "80")
    _, _, commands = terminal.bare(*group.split(), "--help").out.partition("Commands:\n")
    assert commands
    assert [] == [line for line in commands.splitlines() if line.endswith("...")]


def test_examples_are_printed_as_written(terminal: Terminal) -> None:
    out = terminal.bare("share", "create", "--help").out
    assert "  shares-core share create tenant-a 'R&D' --size 1.5TiB --filesystem xfs\n" in out


def test_the_version_is_printed(terminal: Terminal) -> None:
    result = terminal.bare("--version")
    assert 0 == result.status
    assert result.out.startswith("shares-core ")


def test_rich_and_what_the_host_needs_are_not_imported_for_help() -> None:
    code = (
        "import sys; from shares_core.entrypoints.cli import main; status = main(['--help']);"
        "heavy = {'rich', 'docker', 'pyroute2', 'requests'} & set(sys.modules);"
        "print(sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run(
        (sys.executable, "-c", code), capture_output=True, text=True, check=True, timeout=60
    )
    assert "[]\n" == done.stderr
