"""Reading and ending sessions."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from attrs import define, field
from tests.unit.adapters.values import SERVER

from shares_core.adapters.samba import sessions
from shares_core.adapters.samba.sessions import (
    SambaSessions,
    Session,
    TreeConnect,
    parse_sessions,
    parse_tree_connects,
    pids_of,
)
from shares_core.domain.errors import BackendFailure
from shares_core.domain.names import UserName

# net status sessions parseable, Samba 4.22
OUTPUT = """\
34\\ada\\shares\\127.0.0.1\\ipv4:127.0.0.1:40704
35\\Bob\\shares\\fd00::1\\ipv6:fd00::1:40706
35\\ada\\shares\\fd00::1\\ipv6:fd00::1:40706
"""


def test_a_connection_carries_the_sessions_of_all_its_users() -> None:
    """Each line is one session of one process."""
    assert (Session(34, "ada"), Session(35, "Bob"), Session(35, "ada")) == parse_sessions(OUTPUT)


def test_no_sessions_are_no_lines() -> None:
    """Where nobody is connected there is nothing to close."""
    assert () == parse_sessions("")


def test_a_user_is_found_on_every_connection_in_whatever_case() -> None:
    """Every process that carries one of the user's sessions is named once."""
    assert (34, 35) == pids_of(parse_sessions(OUTPUT), (UserName("ADA"),))
    assert (35,) == pids_of(parse_sessions(OUTPUT), (UserName("bob"),))
    assert () == pids_of(parse_sessions(OUTPUT), (UserName("eve"),))


def test_a_session_whose_user_was_removed_counts_as_anybodys() -> None:
    """Samba shows a number where the account is gone, so that session may be the one that is looked for."""
    assert (7,) == pids_of((Session(7, "10001"), Session(8, "bob")), (UserName("ada"),))


def test_a_tree_connect_is_known_by_its_process_its_share_and_its_beginning() -> None:
    """The user that Samba names may be any of those on the connection, so it is left out."""
    output = "R&D\\34\\ada\\shares\\fd00::1\\ipv6:fd00::1:40704\\Mon Nov 23 13:47:34 2026\n"
    assert (TreeConnect(34, "R&D", "Mon Nov 23 13:47:34 2026"),) == parse_tree_connects(output)
    assert () == parse_tree_connects("")


def test_what_samba_never_says_is_passed_over() -> None:
    """Something inside that speaks in Samba's place makes up no process and no error."""
    for pid in ("\N{SUPERSCRIPT TWO}", "-1", "9" * 5000, "\N{ARABIC-INDIC DIGIT ONE}", "all", ""):
        assert () == parse_sessions(f"{pid}\\ada\\shares\n")
        assert () == parse_tree_connects(f"files\\{pid}\\ada\\shares\\x\\y\\z\n")


@define
class Processes:
    """Those of a server whose sessions end once they are told to, unless they hang."""

    hang: bool = False
    looks: int = 0
    told: set[str] = field(factory=set)

    def signal(self, server_id: str, name: str) -> bool:
        return True

    def run(self, server_id: str, argv: tuple[str, ...]) -> str:
        if "shutdown" in argv:
            self.told.add(argv[-2])
            return ""
        self.looks += 1
        listed = [line for line in OUTPUT.splitlines() if self.hang or line.split("\\")[0] not in self.told]
        return "\n".join(listed)


@pytest.mark.parametrize("hang", [False, True])
def test_however_long_a_look_takes_there_is_one_after_the_connections_were_told_to_end(
    monkeypatch: pytest.MonkeyPatch, hang: bool
) -> None:
    """On a slow host the first look and what it tells use up the time; that alone is no failure."""
    monkeypatch.setattr(sessions, "_END_SECONDS", 0.0)
    processes = Processes(hang)
    with pytest.raises(BackendFailure, match="do not end") if hang else nullcontext():
        SambaSessions(processes).end_user(SERVER, UserName("ada"))
    assert {"34", "35"} == processes.told
    assert processes.looks == (4 if hang else 2)
