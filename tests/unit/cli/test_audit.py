"""``share audit``."""

from __future__ import annotations

import threading

import pytest
from tests.unit.cli.terminal import Terminal
from tests.unit.world import PASSWORD, RW

from shares_core.domain.audit import AuditAction, AuditEntry


@pytest.fixture
def audited(served: Terminal) -> Terminal:
    """A share that ada may write, and did."""
    served.world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    out = served.ok("share", "set", "tenant", "files", "--audit").out
    assert " watch keeps the trail as long as it runs\n" in out
    write(served, "a")
    return served


def write(terminal: Terminal, name: str) -> None:
    terminal.world.connect("ada").open("files", name=name, write=True).close()


def add(terminal: Terminal, *entries: AuditEntry) -> None:
    machine = terminal.world.machine
    trail = machine.trails[machine.server_id("tenant")]
    (kept,) = trail.shares.values()
    kept += entries


def test_a_trail_is_shown(audited: Terminal) -> None:
    """Who, from where, what; nothing reaches the terminal unescaped, or looks like another entry."""
    odd = AuditEntry(
        "2026-01-02T00:00:00.000000001Z",
        AuditAction.RENAMED,
        ("ada", "bob\x1b[31m"),
        "",
        'a"\n2026',
        "b\\\u202e",
    )
    audited.ok("share", "audit", "tenant", "files")
    add(audited, odd, AuditEntry("2026-01-02T00:00:00.000000002Z", AuditAction.FULL))
    first, second, third = audited.ok("share", "audit", "tenant", "files").out.splitlines()
    assert first.endswith('Z ada (10.254.0.9) opened "a"')
    told = r'ada or bob\x1b[31m (from an unknown address) renamed "a\"\n2026" -> "b\\\u202e"'
    assert f"2026-01-02T00:00:00Z {told}" == second
    assert third.endswith("Z this day's trail is full: what was done later that day is missing")
    assert [second, third] == audited.ok(
        "share", "audit", "tenant", "files", "--after", "2026-01-02"
    ).out.splitlines()


def test_programs_get_every_entry(audited: Terminal) -> None:
    (found,) = audited.ok("share", "audit", "tenant", "files", "--json").document
    assert {"time", "action", "users", "address", "path", "new_path"} == set(found)
    assert ("opened", ["ada"], "a", None) == tuple(found[k] for k in ("action", "users", "path", "new_path"))
    assert 2 == audited("share", "audit", "tenant", "files", "--json", "--follow").status


def test_a_trail_is_followed(audited: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """New entries once each, until it is interrupted."""
    waits: list[float] = []

    def wait(_: threading.Event, seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt
        if len(waits) == 1:
            write(audited, "b")

    monkeypatch.setattr(threading.Event, "wait", wait)
    result = audited("share", "audit", "tenant", "files", "--follow")
    assert (130, ['"a"', '"b"']) == (result.status, [line[-3:] for line in result.out.splitlines()])


def test_a_share_without_a_trail_says_how_to_begin_one(served: Terminal) -> None:
    out = served.ok("share", "audit", "tenant", "files").out
    assert "share files has no audit trail\n" in out
    assert out.endswith(" share set tenant files --audit\n")
    assert [] == served.ok("share", "audit", "tenant", "files", "--json").document


def test_bad_times_are_refused(audited: Terminal) -> None:
    result = audited("share", "audit", "tenant", "files", "--after", "yesterday")
    assert 2 == result.status
    assert "is not a time of the trail" in result.err
