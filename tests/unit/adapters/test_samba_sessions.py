"""Reading and ending sessions."""

from __future__ import annotations

from shares_core.adapters.samba.sessions import (
    Session,
    TreeConnect,
    parse_sessions,
    parse_tree_connects,
    pids_of,
)
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
