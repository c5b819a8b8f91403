"""What smbstatus says: read if it is that, refused if it is anything else."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.adapters.values import SERVER, SHARE

from shares_core.adapters.samba import status
from shares_core.adapters.samba.status import parse_files_of, parse_sessions_of
from shares_core.domain.errors import BackendFailure
from shares_core.domain.sessions import OpenFile, SmbSession

#: Said by Samba 4.22 of two users on two connections, one of whom locks.
SAID: dict[str, Any] = json.loads((Path(__file__).parent / "smbstatus.json").read_text())
#: JSON that resembles it.
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(SAID)), inner, max_size=3)
    ),
    max_leaves=6,
)


def packed(*said: object) -> str:
    """As the script says it: one answer after the other."""
    return base64.b64encode(gzip.compress("\n".join(map(json.dumps, said)).encode())).decode()


def parse(said: str) -> None:
    parse_sessions_of(said, SERVER)
    parse_files_of(said, SERVER)


def test_sessions_and_files_are_read() -> None:
    """With people's names, the shares' names, and the locks of each connection."""
    first = {key: SAID[key] for key in ("timestamp", "sessions")}
    sessions = parse_sessions_of(packed(first, {"tcons": SAID["tcons"]}), SERVER)
    assert sessions == (
        SmbSession("1", "ada", "10.213.0.253", 1796068243, "SMB3_11", "AES-128-GCM", ("R&D 2026",), 15),
        SmbSession("2", "bob", "fd00::7", 1796068244, "SMB3_00", "", (), 16),
        SmbSession("3", "<10009>", "10.213.0.253", 1796068243, "SMB3_11", "AES-128-GCM", (), 15),
    )
    share = str(SHARE.name)
    files = {key: SAID[key] for key in ("open_files", "byte_range_locks")}
    assert parse_files_of(packed(first, files), SERVER) == (
        OpenFile(share, "folder/ü", ("<10009>", "ada"), "rw", 2, 1796068245, 15),
        OpenFile(share, "folder/ü", ("bob",), "r", 0, 1796068246, 16),
        OpenFile(share, ".", ("bob",), "", 0, 1796068246, 16),
    )


def test_nobody_is_no_sessions() -> None:
    """Samba leaves out what is empty."""
    assert ((), ()) == (parse_sessions_of(packed({}, {}), SERVER), parse_files_of(packed({}, {}), SERVER))


def test_a_client_that_may_come_back_is_not_connected() -> None:
    """Its lock stays, with a number that is no process; it keeps nobody from reading the rest."""
    gone = {"pid": "18446744073709551615"}
    said = json.loads(json.dumps(SAID))
    file = "/shares/5aaaaaaaaaaa/data/folder/ü"
    said["byte_range_locks"][file]["locks"][0]["server_id"] = gone
    said["open_files"][file]["opens"]["15/5"]["server_id"] = gone
    assert 3 == len(parse_sessions_of(packed(said), SERVER))
    read = parse_files_of(packed(said), SERVER)
    assert [(("bob",), 0), (("bob",), 0)] == [(each.users, each.locks) for each in read]


@pytest.mark.parametrize(
    "said",
    [
        "",
        "x",
        "eA==",
        "\N{SUPERSCRIPT TWO}",
        packed([1]),
        packed({"sessions": []}),
        packed({"sessions": {"1": {}}}),
    ],
)
def test_anything_else_is_refused(said: str) -> None:
    with pytest.raises(BackendFailure, match="cannot be read"):
        parse(said)


@given(said=st.dictionaries(st.sampled_from(sorted(SAID)), _ANY))
def test_whatever_it_says_is_read_or_refused(said: dict[str, Any]) -> None:
    """No other error comes of it."""
    for each in (said, SAID | said):
        try:
            parse(packed(each))
        except BackendFailure:
            continue


@pytest.mark.parametrize("pid", ["0", "-1", "1e3", "9" * 5000, "\N{SUPERSCRIPT TWO}", None, {}])
def test_what_is_no_process_is_refused(pid: object) -> None:
    """It would be sent back in, to be ended."""
    session = SAID["sessions"]["1"] | {"server_id": {"pid": pid}}
    with pytest.raises(BackendFailure):
        parse(packed({"sessions": {"1": session}}))


def test_texts_and_the_whole_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A little that unpacks to a lot is not unpacked."""
    session = SAID["sessions"]["1"] | {"remote_machine": "x" * 100_000, "session_id": "y" * 100_000}
    (read,) = parse_sessions_of(packed({"sessions": {"1": session}}), SERVER)
    assert (4096, 4096) == (len(read.address), len(read.id))
    monkeypatch.setattr(status, "_MOST", 2)
    with pytest.raises(BackendFailure):
        parse_sessions_of(packed(SAID), SERVER)
    monkeypatch.setattr(status, "_MOST_BYTES", 1000)
    with pytest.raises(BackendFailure):
        parse_sessions_of(packed({"sessions": {"1": session}}), SERVER)


def test_many_users_and_files_of_one_connection_take_no_more_than_they_are() -> None:
    """A broken-into server may say that there are thousands of each: they are not multiplied."""
    sessions = {
        f"{number}": SAID["sessions"]["1"] | {"session_id": f"{number}", "uid": 20_000 + number}
        for number in range(5000)
    }
    (path, file), *_ = SAID["open_files"].items()
    opens = {f"{number}": file["opens"]["15/5"] for number in range(5000)}
    said = {"sessions": sessions, "open_files": {path: file | {"opens": opens}}}
    read = parse_files_of(packed(said), SERVER)
    assert (5000, 1) == (len(read), len({id(each.users) for each in read}))
