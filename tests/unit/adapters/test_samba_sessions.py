"""Ending sessions, and proving that they have ended."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from attrs import define, evolve, field
from tests.unit.adapters.values import SERVER

from shares_core.adapters.samba import sessions
from shares_core.adapters.samba.proof import (
    Session,
    TreeConnect,
    parse_proof,
    parse_sessions,
    parse_tree_connects,
)
from shares_core.adapters.samba.sessions import SambaSessions
from shares_core.domain.errors import BackendFailure
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.server import ShareServer
from shares_core.ports.processes import Script, ServerProcesses

# net status sessions parseable, Samba 4.22
OUTPUT = """\
34\\<10000>\\shares\\127.0.0.1\\ipv4:127.0.0.1:40704
35\\<10001>\\shares\\fd00::1\\ipv6:fd00::1:40706
35\\<10000>\\shares\\fd00::1\\ipv6:fd00::1:40706
"""
ADA, BOB, EVE = UserName("ada"), UserName("bob"), UserName("eve")
SHARE = ShareName("R&D 2026")
FOLDER = f"/shares/{SERVER.share(SHARE).id}/data"
OTHERS = "session 35\\<10001>\\shares\\fd00::1\\ipv6:fd00::1:40706"
OURS = "session 34\\<10000>\\shares\\127.0.0.1\\ipv4:127.0.0.1:40704"
THERE = "R&D 2026\\34\\<10000>\\shares\\127.0.0.1\\ipv4:127.0.0.1:40704\\Mon Nov 23 13:47:34 2026"
AGAIN = THERE.replace(":34 2026", ":36 2026")


def said(*lines: str) -> str:
    """The output of revoke.sh."""
    return "".join(f"{line}\n" for line in ("settled", *lines))


# ---- reading


def test_a_connection_carries_the_sessions_of_all_its_users() -> None:
    """Each line is one session of one process."""
    assert (Session(34, "<10000>"), Session(35, "<10001>"), Session(35, "<10000>")) == parse_sessions(OUTPUT)


def test_no_sessions_are_no_lines() -> None:
    """If nobody is connected, there is nothing to close."""
    assert () == parse_sessions("")


def test_an_account_is_found_on_every_connection() -> None:
    """Every process that carries one of the user's sessions is named once."""
    proof = parse_proof(said(*(f"session {line}" for line in OUTPUT.splitlines()), "session-number 3"))
    assert {34, 35} == proof.processes_of(["<10000>"])
    assert {35} == proof.processes_of(["<10001>"])
    assert set() == proof.processes_of(["<10002>"])


def test_a_session_of_a_removed_user_may_be_anybodys() -> None:
    """Samba shows a number if the account is gone, so the session may be any removed user's."""
    proof = parse_proof(said("session 7\\10001\\x", "session 8\\<10001>\\x", "session-number 2"))
    assert {7} == proof.processes_of(["<10000>"])


def test_a_tree_connect_is_identified_by_process_share_and_beginning() -> None:
    """The user that Samba names may be any of those on the connection, so it is left out."""
    assert (TreeConnect(34, "R&D 2026", "Mon Nov 23 13:47:34 2026"),) == parse_tree_connects(THERE)
    assert () == parse_tree_connects("")


def test_output_that_is_not_sambas_is_ignored() -> None:
    """An intruder inside cannot forge a process or cause an error."""
    for pid in ("\N{SUPERSCRIPT TWO}", "-1", "9" * 5000, "\N{ARABIC-INDIC DIGIT ONE}", "all", ""):
        assert () == parse_sessions(f"{pid}\\ada\\shares\n")
        assert () == parse_tree_connects(f"files\\{pid}\\ada\\shares\\x\\y\\z\n")


# ---- proofs


CLOSED = {
    "nobody is connected": said("session-number 0"),
    "others are": said(OTHERS, "session-number 1"),
    "nothing is open any more": said(OURS, "session-number 1", "connect-number 0"),
    "only on another share": said(
        OURS, "session-number 1", f"connect {THERE.replace('R&D', 'R')}", "connect-number 1"
    ),
    "only others' are": said(
        OURS, "session-number 1", f"connect {THERE.replace('34', '35')}", "connect-number 1"
    ),
    "nothing was": said(OURS, "session-number 1", "before-number 0"),
    "only what was made anew is": said(
        OURS, "session-number 1", f"before {THERE}", "before-number 1", f"connect {AGAIN}", "connect-number 1"
    ),
}
OPEN = {
    "it is open": said(OURS, "session-number 1", f"connect {THERE}", "connect-number 1"),
    "in another case": said(OURS, "session-number 1", f"connect {THERE.lower()}", "connect-number 1"),
    "it was and is": said(
        OURS, "session-number 1", f"before {THERE}", "before-number 1", f"connect {THERE}", "connect-number 1"
    ),
    "of a removed user": said(
        OURS.replace("<10000>", "10001"), "session-number 1", f"connect {THERE}", "connect-number 1"
    ),
}
NO_PROOF = {
    "nothing": "",
    "not a word": "\n",
    "only that they have settled": said(),
    "they have not": said("session-number 0").replace("settled", ""),
    "a list without its end": said(OURS),
    "a list cut short": said(OURS, "session-number 2"),
    "a list too long": said(OURS, OTHERS, "session-number 1"),
    "a bad number": said("session-number \N{SUPERSCRIPT TWO}"),
    "a number without end": said("session-number " + "0" * 5000),
    "no look afterwards": said(OURS, "session-number 1"),
    "a look before alone": said(OURS, "session-number 1", f"before {THERE}", "before-number 1"),
    "words of its own": said("session-number 0", "denied, believe me"),
}


@pytest.mark.parametrize("output", CLOSED.values(), ids=CLOSED)
def test_a_share_is_closed_if_the_lists_show_it(output: str) -> None:
    """Others may have it open, and so may a user who reconnected."""
    close_user(output)


@pytest.mark.parametrize("output", OPEN.values(), ids=OPEN)
def test_a_share_that_the_lists_show_open_is_open(output: str) -> None:
    """Whatever else the output says."""
    with pytest.raises(BackendFailure, match="does not close"):
        close_user(output)


@pytest.mark.parametrize("output", NO_PROOF.values(), ids=NO_PROOF)
def test_missing_and_truncated_lists_prove_nothing(output: str) -> None:
    """They are an error, and the hint is to stop the server."""
    with pytest.raises(BackendFailure, match="proves nothing") as raised:
        close_user(output)
    assert "stop the server" in raised.value.hint


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (("connect-number 0",), nullcontext()),
        (("before-number 0",), nullcontext()),
        ((f"connect {THERE}", "connect-number 1"), pytest.raises(BackendFailure, match="does not close")),
        (("session-number 0",), pytest.raises(BackendFailure, match="proves nothing")),
    ],
)
def test_a_share_is_closed_for_everyone(lines: tuple[str, ...], error: nullcontext[None]) -> None:
    """For every connected user."""
    with error:
        SambaSessions(Processes(said(*lines))).close_share(SERVER, SHARE)


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (("session-number 0",), nullcontext()),
        ((OURS, "session-number 1", "remaining-number 0"), nullcontext()),
        (
            (OURS, "session-number 1", "remaining 36\\<10000>\\shares", "remaining-number 1"),
            nullcontext(),  # who came back since, with the new password
        ),
        (
            (OURS, "session-number 1", "remaining 34\\<10000>\\shares", "remaining-number 1"),
            pytest.raises(BackendFailure, match="do not end"),
        ),
        ((OURS, "session-number 1"), pytest.raises(BackendFailure, match="proves nothing")),
        (("remaining-number 0",), pytest.raises(BackendFailure, match="proves nothing")),
    ],
)
def test_connections_have_ended_if_the_lists_show_it(
    lines: tuple[str, ...], error: nullcontext[None]
) -> None:
    """All those from when every process had the new configuration."""
    with error:
        SambaSessions(Processes(said(*lines))).end_user(SERVER, ADA)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("session-number 0", "connect-number 0"), 0),
        ((OURS, "session-number 1", f"connect {THERE}", "connect-number 1"), 1),
        ((OURS, "session-number 1", f"connect {THERE}", f"connect {AGAIN}", "connect-number 2"), 1),
        ((OTHERS, "session-number 1", f"connect {THERE}", "connect-number 1"), 0),
    ],
)
def test_connections_are_counted_once_each(lines: tuple[str, ...], expected: int) -> None:
    processes = Processes(said(*lines))
    assert {ADA: expected} == SambaSessions(processes).connections(SERVER, SHARE, (ADA,))
    assert [("revoke", "count-user", "R&D 2026", "<10000>")] == processes.asked


@pytest.mark.parametrize("lines", [("session-number 0",), ("connect-number 0",), ()])
def test_a_count_without_both_lists_is_none(lines: tuple[str, ...]) -> None:
    with pytest.raises(BackendFailure, match="proves nothing"):
        SambaSessions(Processes(said(*lines))).connections(SERVER, SHARE, (ADA,))


# ---- requests


@define
class Processes(ServerProcesses):
    """The processes of a server with this output, or of one that fails and has ended at the next look."""

    output: str | None = None
    looks_running: int = 1_000_000
    asked: list[tuple[str, ...]] = field(factory=list)

    def signal(self, server_id: str, name: str) -> bool:
        self.looks_running -= 1
        return self.looks_running >= 0

    def run(self, server_id: str, script: Script, *arguments: str, seconds: float | None = None) -> str:
        self.asked.append((script.name, *arguments))
        if self.output is None:
            raise BackendFailure("it fails")
        return self.output


def close_user(output: str, server: ShareServer = SERVER) -> tuple[str, ...]:
    """Deny two users. Returns the request."""
    processes = Processes(output)
    SambaSessions(processes).close_user(server, SHARE, (ADA, UserName("max")))
    assert len(processes.asked) == 1
    return processes.asked[0]


def test_a_user_who_keeps_a_rule_may_reconnect_at_once() -> None:
    """Earlier tree connects are told from new ones."""
    output = said("session-number 0")
    share = SERVER.share(SHARE)
    lowered, denied = SERVER, SERVER.with_share(evolve(share, rules=share.rules[1:]))
    assert ("revoke", "close-user", "--returning", "R&D 2026", FOLDER, "<10000>") == close_user(
        output, lowered
    )
    assert ("revoke", "close-user", "R&D 2026", FOLDER, "<10000>") == close_user(output, denied)


def test_what_a_removed_user_had_open_is_forgotten() -> None:
    """Samba has no name for the account: everybody without one ends, and no file is given back."""
    processes = Processes(said("session-number 0"))
    SambaSessions(processes).end_user(SERVER, UserName("gone"))
    SambaSessions(processes).end_user(SERVER, ADA)
    expected = [("revoke", "end-removed", "/shares"), ("revoke", "end-user", "<10000>")]
    assert expected == processes.asked


@pytest.mark.parametrize("looks", [0, 1])
def test_a_server_that_ends_meanwhile_has_no_connections(looks: int) -> None:
    """Then a failed script is not an error, although it may take a moment to notice the end."""
    SambaSessions(Processes(looks_running=looks)).end_user(SERVER, ADA)


def test_a_failure_on_a_running_server_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not hidden."""
    monkeypatch.setattr(sessions, "_STOPPING_SECONDS", 0.0)
    with pytest.raises(BackendFailure, match="it fails"):
        SambaSessions(Processes()).end_user(SERVER, ADA)
