from __future__ import annotations

import pytest
from tests.unit.cli.terminal import Terminal
from tests.unit.world import PASSWORD

from shares_core.testing import Session


@pytest.fixture
def there(served: Terminal) -> list[Session]:
    """ada and bob, on the same connection; ada writes."""
    for user in ("ada", "bob"):
        served.world.host.access.allow("tenant", "files", user, password=PASSWORD)
    there = [served.world.connect(user) for user in ("ada", "bob")]
    there[1].number = there[0].number
    there[0].open("files", name="a\nb", write=True)
    return there


def test_sessions_and_files_are_listed(served: Terminal, there: list[Session]) -> None:
    """What a client has named cannot move the terminal's cursor."""
    number = there[0].number
    lines = served.ok("session", "list", "tenant").out.splitlines()
    head = ["ID", "USER", "ADDRESS", "FOR", "DIALECT", "ENCRYPTION", "SHARES", "CONNECTION"]
    assert [head, "ada", "bob"] == [lines[0].split(), lines[1].split()[1], lines[2].split()[1]]
    assert [["bob", "SMB3_11", None]] == [
        [each["user"], each["dialect"], each["since"]]
        for each in served.ok("session", "list", "tenant", "--json").document
        if not each["shares"]
    ]
    assert served.ok("file", "list", "tenant", "files").out.splitlines()[1].split()[:4] == [
        *("files", r"a\nb", "ada", "rw"),
    ]
    assert served.ok("file", "list", "tenant", "--json").document == [
        {
            "share": "files",
            "path": "a\nb",
            "users": ["ada"],
            "access": "rw",
            "locks": 0,
            "since": None,
            "connection": number,
        }
    ]


def test_closing_names_who_ended_too(served: Terminal, there: list[Session]) -> None:
    out = served.ok("session", "close", "tenant", "--user", "ada").out
    assert out.endswith("\nended too, on the same connections: bob\n")
    assert [False, False] == [each.alive for each in there]
    assert "there is no such session\n" == served.ok("session", "close", "tenant", "--user", "ada").out
    document = served.ok("session", "close", "tenant", "--address", "10.254.0.9", "--json").document
    assert {"closed": [], "alongside": []} == document


def test_an_empty_list_says_so(served: Terminal) -> None:
    assert "nobody is connected\n" == served.ok("session", "list", "tenant").out
    assert "nothing is open\n" == served.ok("file", "list", "tenant").out


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("session", "close", "tenant"), 2),
        (("session", "close", "tenant", "--user", "ada", "--id", "7"), 2),
        (("session", "close", "tenant", "--address", "nobody"), 2),
        (("session", "close", "tenant", "--user", "eve"), 3),
        (("session", "list", "nobody"), 3),
        (("file", "list", "tenant", "nothing"), 3),
    ],
)
def test_bad_input_closes_nothing(
    served: Terminal, there: list[Session], arguments: tuple[str, ...], status: int
) -> None:
    result = served(*arguments)
    assert (status, "") == (result.status, result.out)
    assert all(each.alive for each in there)
