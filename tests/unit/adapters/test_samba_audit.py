"""What Samba's log says of audited files: lines as Samba 4.22 wrote them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares_core.adapters.containers.log import LogMark, lines_after
from shares_core.adapters.samba.audit import entries_of, is_statement
from shares_core.domain.audit import AuditAction, AuditEntry
from shares_core.domain.names import UserName
from shares_core.domain.server import Account
from shares_core.domain.views import LogLine

SHARE = "0123456789ab"
ROOTS = {SHARE: "/shares/0123456789ab/data"}
ACCOUNTS = (Account(UserName("ada@example.com"), 10_000),)
_BEGIN = f"shares-audit|{SHARE}|ada_example.com|127.0.0.1|"
_ROOT = ROOTS[SHARE]
OPENED, REPLACED = AuditAction.OPENED, AuditAction.REPLACED


def read(*texts: str) -> list[AuditEntry]:
    lines = [LogLine(f"2026-11-30T00:00:00.{number:09}Z", text) for number, text in enumerate(texts)]
    return entries_of(lines, ROOTS, ACCOUNTS).get(SHARE, [])


@pytest.mark.parametrize(
    ("said", "action", "path", "new_path"),
    [
        (f"create_file|ok|0x12019f|file|overwrite_if|{_ROOT}/a.txt", REPLACED, "a.txt", ""),
        (f"create_file|ok|0x12019f|file|overwrite_if|{_ROOT}/d/b.txt:stream", REPLACED, "d/b.txt:stream", ""),
        (f"create_file|ok|0x2|file|open|{_ROOT}/a", OPENED, "a", ""),
        (f"create_file|ok|0x80|file|create|{_ROOT}/a", AuditAction.CREATED, "a", ""),
        (f"renameat|ok|{_ROOT}/a.txt|{_ROOT}/d/b.txt", AuditAction.RENAMED, "a.txt", "d/b.txt"),
        (f"renameat|ok|{_ROOT}/.::TMPNAME:D:14%155:d|{_ROOT}/d", AuditAction.CREATED_FOLDER, "d", ""),
        (f"linkat|ok|{_ROOT}/d/b|{_ROOT}/d/c", AuditAction.LINKED, "d/b", "d/c"),
        (f"unlinkat|ok|{_ROOT}/d/b.txt:stream:$DATA", AuditAction.DELETED, "d/b.txt:stream", ""),
        (f"unlinkat|ok|{_ROOT}/d", AuditAction.DELETED, "d", ""),
    ],
)
def test_a_statement_becomes_an_entry(said: str, action: AuditAction, path: str, new_path: str) -> None:
    """With the account that the log means, and paths below the share."""
    (entry,) = read(_BEGIN + said)
    assert (action, path, new_path) == (entry.action, entry.path, entry.new_path)
    assert (("ada@example.com",), "127.0.0.1") == (entry.users, entry.address)


@pytest.mark.parametrize(
    "said",
    [
        f"create_file|ok|0x120089|file|open|{_ROOT}/a",
        f"create_file|ok|0x10000|file|open|{_ROOT}/a",
        f"create_file|ok|0x100|file|open|{_ROOT}/a",
        f"create_file|ok|0x80|dir|create|{_ROOT}/d",
        f"create_file|ok|0x2|dir|open|{_ROOT}/d",
        f"unlinkat|ok|{_ROOT}/.::TMPNAME:D:14%155:d",
        f"create_file|fail (NT_STATUS_ACCESS_DENIED)|0x2|file|create|{_ROOT}/a",
        f"pread|ok|{_ROOT}/a",
        "create_file|ok|not a mask|file|open|/a",
        "create_file|ok",
        "renameat|ok|",
        "",
    ],
)
def test_what_writes_nothing_is_left_out(said: str) -> None:
    """So is what no Samba says."""
    assert [] == read(_BEGIN + said)


def test_only_audited_shares_have_entries() -> None:
    """Whatever a compromised server says of others."""
    other = _BEGIN.replace(SHARE, "0123456789ac")
    assert [] == read(f"{other}unlinkat|ok|/a", "shares-audit|../../etc|x|y|unlinkat|ok|/a", "smbd started")


def test_what_a_compromised_server_says_is_bounded() -> None:
    """Names, addresses and paths; what is no address is none."""
    (entry,) = read(f"shares-audit|{SHARE}|{'x' * 9000}|{'9' * 9000}|unlinkat|ok|{'y' * 9000}")
    assert (256, "", 4096) == (len(entry.users[0]), entry.address, len(entry.path))


def test_a_broken_line_is_put_together() -> None:
    """Samba breaks long lines; another process's line in between is read too."""
    long, new = "n" * 4000, "m" * 4000
    whole = f"{_BEGIN}renameat|ok|{_ROOT}/{long}|{_ROOT}/{new}"
    parts = [f"{whole[:4096]} +>", f"{whole[4096:8000]} +>", whole[8000:]]
    (entry,) = read(parts[0], f"{whole[4096:]}")
    assert (long, new) == (entry.path, entry.new_path)
    (entry,) = read(*parts)
    assert (long, new) == (entry.path, entry.new_path)
    other = f"{_BEGIN}unlinkat|ok|{_ROOT}/x"
    first, second = read(parts[0], other, *parts[1:])
    assert (long[:3000], "x") == (first.path[:3000], second.path)
    first, second = read(f"{whole[:4000]}{other}", " +>", "rest")
    assert (AuditAction.RENAMED, "", "x") == (first.action, first.new_path, second.path)
    assert 1 == len(read(parts[0]))


@given(st.lists(st.text(st.sampled_from("shares-audit|0123456789ab ok create_file unlinkat/+>")), max_size=5))
def test_nothing_that_is_said_raises(texts: list[str]) -> None:
    for entry in read(*texts, *(f"shares-audit|{text}" for text in texts)):
        assert entry.path


def test_statements_are_told_from_other_lines() -> None:
    assert is_statement(f"{_BEGIN}unlinkat|ok|/a")
    assert not is_statement("smbd version 4.22.11 started.")


def test_names_of_users_and_machines_that_samba_logs_are_no_statements() -> None:
    """A client without an account chooses them, and can neither forge an entry nor hide its failed logins."""
    forged = f"{_BEGIN}unlinkat|ok|{ROOTS[SHARE]}/payroll"
    line = f"Auth: [SMB2,(null)] user [WORKGROUP]\\[{forged}shares-audit|] at [Mon, 30 Nov 2026]"
    assert not is_statement(line)
    assert [] == read(line)


def test_a_log_goes_on_after_the_last_line_of_a_time() -> None:
    """By its place, not by its time: the clock may have been set back."""
    lines = tuple(LogLine(time, text) for time, text in (("5", "a"), ("6", "b"), ("6", "c"), ("1", "d")))
    assert (lines[3],) == lines_after(lines, "6")
    assert () == lines_after(lines, "1")
    assert lines_after(lines, "7") is None


@pytest.mark.parametrize("text", ["", "x", "abc 2026 ended", "abc 2026 running", "unreadable"])
def test_a_mark_is_read_again(text: str) -> None:
    mark = LogMark.read(text)
    assert mark == LogMark.read(str(mark))
