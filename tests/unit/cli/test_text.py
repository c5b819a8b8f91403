from __future__ import annotations

import shlex

import pytest

from shares_core.entrypoints.cli.demo_client import first_status
from shares_core.entrypoints.cli.text import (
    plain_fields,
    plain_table,
    printable,
    smbclient_line,
)


@pytest.mark.parametrize("share", ["files", "R&D", "Projects 2026", "o'brien", "(a) & 'b'"])
def test_a_shell_reads_the_smbclient_line_as_it_was_meant(share: str) -> None:
    words = shlex.split(smbclient_line("10.254.0.2", share, "ada"))
    assert ["smbclient", f"//10.254.0.2/{share}", "-U", "ada"] == words


def test_share_names_are_quoted_for_the_shell() -> None:
    assert "smbclient '//10.254.0.2/R&D' -U ada" == smbclient_line("10.254.0.2", "R&D", "ada")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\t here\r\n", "two lines here"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("a\u202eb\u200b", r"a\u202eb\u200b"),
        ("schön 山", "schön 山"),
        ("[red]not markup[/red]", "[red]not markup[/red]"),
    ],
)
def test_only_printable_characters_are_printed(text: str, shown: str) -> None:
    assert shown == printable(text)


def test_tables_and_fields_are_aligned() -> None:
    assert ["A   LONG", "bb  c", "b   cc"] == plain_table(("A", "LONG"), [("bb", "c"), ("b", "cc")])
    assert ["a     1", "long  2"] == plain_fields([("a", "1"), ("long", "2")])


@pytest.mark.parametrize(
    ("output", "status"),
    [
        # Captured from smbclient 4.17.12.
        (r"NT_STATUS_ACCESS_DENIED opening remote file \b.bin", "NT_STATUS_ACCESS_DENIED"),
        ("session setup failed: NT_STATUS_LOGON_FAILURE\n", "NT_STATUS_LOGON_FAILURE"),
        ("tree connect failed: NT_STATUS_BAD_NETWORK_NAME\n", "NT_STATUS_BAD_NETWORK_NAME"),
        (
            'Try "help" to get a list of possible commands.\nNT_STATUS_NETWORK_NAME_DELETED listing \\*\n',
            "NT_STATUS_NETWORK_NAME_DELETED",
        ),
        (
            "do_connect: Connection to [fd00::5] failed (Error NT_STATUS_INVALID_ADDRESS)",
            "NT_STATUS_INVALID_ADDRESS",
        ),
        ("putting file up.bin as \\x y.bin (48825.7 kb/s) (average 48828.1 kb/s)\n", ""),
    ],
)
def test_the_status_is_parsed_from_smbclients_output(output: str, status: str) -> None:
    assert status == first_status(output)
