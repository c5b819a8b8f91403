from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.cli.terminal import Terminal
from tests.unit.world import NETWORK, SMALL

from shares_core.bootstrap import host
from shares_core.domain.secret import Secret
from shares_core.entrypoints.cli import main
from shares_core.testing import Call, memory_ports

ACCESS_KEYS = [
    *("server", "share", "user", "level", "password_outcome", "password"),
    *("stale_connections", "export_locations", "locations", "smbclient"),
]


def test_a_new_user_s_password_is_generated_and_printed_once(served: Terminal) -> None:
    out = served.ok("access", "allow", "tenant", "files", "ada").out
    password = next(line.split()[1] for line in out.splitlines() if line.startswith("password"))
    assert 1 == out.count(password)
    assert "ada may read and write files on tenant\n" in out
    served.world.connect("ada", Secret(password)).open("files", write=True)
    out = served.ok("access", "allow", "tenant", "files", "ada").out
    assert "password  kept: ada has one already\n" in out
    served.world.connect("ada", Secret(password)).open("files", write=True)


def test_the_smbclient_line_can_be_pasted(served: Terminal) -> None:
    served.ok("share", "create", "tenant", "R&D o'b", "--size", "64MiB")
    out = served.ok("access", "allow", "tenant", "R&D o'b", "ada").out
    assert out.endswith("""try: smbclient '//10.254.0.2/R&D o'"'"'b' -U ada\n""")


def test_connections_with_a_former_level_are_named(served: Terminal) -> None:
    """With the option that makes them use the share anew, which does."""
    for user in ("ada", "bob"):
        served.ok(
            "access",
            "allow",
            "tenant",
            "files",
            user,
            "--level",
            "ro",
            "--password-stdin",
            stdin=b"correct horse",
        )
    opened = [served.world.connect(user).open("files") for user in ("ada", "ada", "bob")]
    out = served.ok("access", "allow", "tenant", "files", "ada").out
    anew = "they get the new one when they use the share anew: --reconnect makes them\n"
    assert f"\nconnections of ada that keep the former level: 2\n{anew}" in out
    out = served.ok("access", "replace", "tenant", "files", "ada=rw", "bob=rw").out
    assert out.endswith(f"\nconnections of bob that keep the former level: 1\n{anew}")
    assert "former" not in served.ok("access", "allow", "tenant", "files", "ada", "--reconnect").out
    assert [True, True, False] == [each.closed for each in opened]
    assert "former" not in served.ok("access", "replace", "tenant", "files", "bob=rw", "--reconnect").out
    assert opened[2].closed


def test_smbclient_is_not_given_a_name_that_it_takes_for_a_password(served: Terminal) -> None:
    document = served.ok("access", "allow", "tenant", "files", "100%ada", "--json").document
    assert ("100%ada", []) == (document["user"], document["smbclient"])
    assert "try:" not in served.ok("access", "allow", "tenant", "files", "100%ada").out


def test_people_are_told_as_they_are_called(served: Terminal) -> None:
    """On the terminal, in documents and in errors; whatever the case or the composition, they are one."""
    served.ok("share", "create", "tenant", "Büro", "--size", "64MiB")
    for user in ("müller", "Max Mustermann", "ada@example.com", "🦊🦊🦊🦊"):
        assert f"{user} may read and write Büro" in served.ok("access", "allow", "tenant", "Büro", user).out
    assert "müller" in served.ok("access", "list", "tenant", "büro").out
    served.ok("access", "deny", "tenant", "BÜRO", "MÜLLER")
    assert 4 == served("access", "allow", "tenant", "Büro", "Müller").status
    left = served.ok("access", "list", "tenant", "Büro", "--json").document
    assert ["ada@example.com", "Max Mustermann", "🦊🦊🦊🦊"] == [each["user"] for each in left]
    told = served("access", "deny", "tenant", "Büro", "jürgen")
    assert (3, True) == (told.status, "'jürgen'" in told.err)


@pytest.mark.parametrize("state", ["stopped", "dead"])
@pytest.mark.parametrize("arguments", [("allow", "ada"), ("replace", "ada=rw")])
def test_access_to_a_server_that_does_not_run_says_how_to_start_it(
    served: Terminal, state: str, arguments: tuple[str, str]
) -> None:
    """Before the line to try, because that would be refused."""
    verb, who = arguments
    assert "does not run" not in served.ok("access", verb, "tenant", "files", who).out
    if state == "stopped":
        served.ok("server", "stop", "tenant")
    else:
        served.world.machine.reboot()
    out = served.ok("access", verb, "tenant", "files", who).out
    start = f"next: shares-core --state-dir {served.state_dir} server start tenant\n"
    assert f"\nserver tenant does not run\n{start}" in out
    assert "try:" not in out.partition(start)[0]


def test_knowing_that_a_server_runs_costs_no_call(served: Terminal) -> None:
    """Docker is asked once, under the lock; a create asks again after it has taken the lock again."""
    asked: list[str] = []

    def count(call: Call, proceed: Callable[[], Any]) -> Any:
        asked.append(str(call))
        return proceed()

    ports = memory_ports(served.world.machine, faults=count)
    counted = host(ports, NETWORK)
    counted.access.allow("tenant", "files", "ada")
    assert 1 == asked.count("runtime.inspect")
    asked.clear()
    counted.shares.create("tenant", "more", SMALL)
    assert 2 == asked.count("runtime.inspect")


def test_the_document_of_an_allow(served: Terminal) -> None:
    """It always has all keys, but the password only if it was generated."""
    document = served.ok("access", "allow", "tenant", "files", "ada", "--level", "ro", "--json").document
    assert ACCESS_KEYS == list(document)
    served.world.connect("ada", Secret(document.pop("password"))).open("files")
    assert {
        "server": "tenant",
        "share": "files",
        "user": "ada",
        "level": "ro",
        "password_outcome": "generated",
        "stale_connections": 0,
        "export_locations": [r"\\10.254.0.2\files"],
        "locations": [
            {"client": "windows", "location": r"\\10.254.0.2\files"},
            {"client": "linux", "location": "//10.254.0.2/files"},
        ],
        "smbclient": ["smbclient //10.254.0.2/files -U ada"],
    } == document
    document = served.ok("access", "allow", "tenant", "files", "ada", "--json").document
    assert ("rw", "kept", None) == tuple(document[key] for key in ("level", "password_outcome", "password"))


@pytest.mark.parametrize(
    ("stdin", "password"),
    [
        (b"correct horse\n", "correct horse"),
        (b"correct horse", "correct horse"),
        (b"correct horse\r\n", "correct horse"),
        (b"  spaces count  \n", "  spaces count  "),
        (b"first\nsecond\n", "first"),
        ("schön €\n".encode(), "schön €"),
    ],
)
def test_a_password_is_the_first_line_of_standard_input(
    served: Terminal, stdin: bytes, password: str
) -> None:
    result = served.ok("access", "allow", "tenant", "files", "ada", "--password-stdin", stdin=stdin)
    assert "password  set to what was given\n" in result.out
    assert password not in result.out
    served.world.connect("ada", Secret(password)).open("files")


@pytest.mark.parametrize("stdin", [b"", b"\n", b"\r\n", b"\xff\xfe\n", b"a\tb\n", b"x" * 5000])
def test_a_password_that_cannot_be_one_changes_nothing(served: Terminal, stdin: bytes) -> None:
    before = dict(served.world.machine.records)
    result = served("access", "allow", "tenant", "files", "ada", "--password-stdin", stdin=stdin)
    assert (2, "") == (result.status, result.out)
    assert result.err.startswith("error: ")
    assert before == served.world.machine.records


def test_a_closed_standard_input_holds_no_password(served: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    arguments = ("--state-dir", str(served.state_dir), "access", "allow", "tenant", "files", "ada")
    assert 2 == main((*arguments, "--password-stdin"), served.doors)
    assert 0 == main(arguments, served.doors)


def test_standard_input_is_left_alone_unless_asked_for(served: Terminal) -> None:
    document = served.ok("access", "allow", "tenant", "files", "ada", "--json", stdin=b"no\n").document
    assert "generated" == document["password_outcome"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("tenant", "files", "a*"), 2),
        (("tenant", "files", "ada", "--level", "admin"), 2),
        (("tenant", "files", "@group"), 2),
        (("tenant", "nothing", "ada"), 3),
        (("nobody", "files", "ada"), 3),
    ],
)
def test_bad_input(served: Terminal, arguments: tuple[str, ...], status: int) -> None:
    result = served("access", "allow", *arguments)
    assert (status, "") == (result.status, result.out)


def test_deny_says_whether_there_was_a_rule(served: Terminal) -> None:
    served.ok("access", "allow", "tenant", "files", "ada")
    expected = {"server": "tenant", "share": "files", "user": "ada", "denied": True, "still_reads": []}
    assert expected == served.ok("access", "deny", "tenant", "files", "ada", "--json").document
    assert "ada had no access to files\n" == served.ok("access", "deny", "tenant", "files", "ada").out
    assert 3 == served("access", "deny", "tenant", "files", "bob").status


def test_list_and_replace(served: Terminal) -> None:
    served.ok("access", "allow", "tenant", "files", "ada")
    documents = served.ok("access", "replace", "tenant", "files", "ada=ro", "bob=rw", "--json").document
    assert [ACCESS_KEYS, ACCESS_KEYS] == [list(each) for each in documents]
    assert ["kept", "generated"] == [each["password_outcome"] for each in documents]
    expected = [{"user": "ada", "level": "ro"}, {"user": "bob", "level": "rw"}]
    assert expected == served.ok("access", "list", "tenant", "files", "--json").document
    assert "USER  LEVEL\nada   ro\nbob   rw\n" == served.ok("access", "list", "tenant", "files").out
    assert "nobody has access\n" == served.ok("access", "replace", "tenant", "files", "--nobody").out
    assert [] == served.ok("access", "list", "tenant", "files", "--json").document


def test_a_user_who_cannot_be_served_costs_a_replace_itself_only(served: Terminal) -> None:
    """The others' rules are in force, the answer is theirs, and the error names who was left out."""
    served.ok("access", "allow", "tenant", "files", "bob")
    told = served(
        "access", "replace", "tenant", "files", "ada=ro", "@staff=rw", "a*=ro", "müller=rw", "--json"
    )
    assert (2, ["ada", "müller"]) == (told.status, [each["user"] for each in told.document])
    assert "2 of these users cannot be served; the rules of the others are in force" in told.err
    assert "note: user name '@staff' cannot be used\nnote: user name 'a*' cannot be used\n" in told.err
    rules = served.ok("access", "list", "tenant", "files", "--json").document
    assert [("ada", "ro"), ("müller", "rw")] == [(each["user"], each["level"]) for each in rules]
    told = served("access", "replace", "tenant", "files", "@staff=rw")
    assert (2, "") == (told.status, told.out)
    assert "1 of these users cannot be served; nothing has changed" in told.err
    assert rules == served.ok("access", "list", "tenant", "files", "--json").document


@pytest.mark.parametrize("rule", ["ada", "ada=", "ada=rx"])
def test_an_invalid_rule_is_refused(served: Terminal, rule: str) -> None:
    assert 2 == served("access", "replace", "tenant", "files", rule).status
    assert [] == served.ok("access", "list", "tenant", "files", "--json").document


def test_users(served: Terminal) -> None:
    served.ok("access", "allow", "tenant", "files", "ada")
    assert [{"user": "ada"}] == served.ok("user", "list", "tenant", "--json").document
    document = served.ok("user", "set-password", "tenant", "ada", "--json").document
    served.world.connect("ada", Secret(document.pop("password"))).open("files")
    assert {"server": "tenant", "user": "ada", "password_outcome": "generated"} == document
    out = served.ok("user", "set-password", "tenant", "ada", "--password-stdin", stdin=b"geheim\n").out
    assert "geheim" not in out
    served.world.connect("ada", Secret("geheim")).open("files")
    assert 3 == served("user", "set-password", "tenant", "bob").status
    removed = served.ok("user", "remove", "tenant", "ada", "--json").document
    assert {"server": "tenant", "user": "ada", "removed": True} == removed
    assert "there are no users yet\n" == served.ok("user", "list", "tenant").out
