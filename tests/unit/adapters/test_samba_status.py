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
from shares_core.adapters.samba.status import parse_status
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


def packed(said: object) -> str:
    return base64.b64encode(gzip.compress(json.dumps(said).encode())).decode()


def test_sessions_and_files_are_read() -> None:
    """With people's names, the shares' names, and the locks of each connection."""
    read = parse_status(packed(SAID), SERVER)
    assert read.sessions == (
        SmbSession("1", "ada", "10.213.0.253", 1796068243, "SMB3_11", "AES-128-GCM", ("R&D 2026",), 15),
        SmbSession("2", "bob", "fd00::7", 1796068244, "SMB3_00", "", (), 16),
        SmbSession("3", "<10009>", "10.213.0.253", 1796068243, "SMB3_11", "AES-128-GCM", (), 15),
    )
    share = str(SHARE.name)
    assert read.files == (
        OpenFile(share, "folder/ü", ("<10009>", "ada"), "rw", 2, 1796068245, 15),
        OpenFile(share, "folder/ü", ("bob",), "r", 0, 1796068246, 16),
        OpenFile(share, ".", ("bob",), "", 0, 1796068246, 16),
    )


def test_nobody_is_no_sessions() -> None:
    """Samba leaves out what is empty."""
    assert ((), ()) == (parse_status(packed({}), SERVER).sessions, parse_status(packed({}), SERVER).files)


@pytest.mark.parametrize(
    "said", ["", "x", "eA==", "\N{SUPERSCRIPT TWO}", packed([]), packed({"sessions": []})]
)
def test_anything_else_is_refused(said: str) -> None:
    with pytest.raises(BackendFailure, match="cannot be read"):
        parse_status(said, SERVER)


@given(said=st.dictionaries(st.sampled_from(sorted(SAID)), _ANY))
def test_whatever_it_says_is_read_or_refused(said: dict[str, Any]) -> None:
    """No other error comes of it."""
    for each in (said, SAID | said):
        try:
            parse_status(packed(each), SERVER)
        except BackendFailure:
            continue


@pytest.mark.parametrize("pid", ["0", "-1", "1e3", "9" * 5000, "\N{SUPERSCRIPT TWO}", None, {}])
def test_what_is_no_process_is_refused(pid: object) -> None:
    """It would be sent back in, to be ended."""
    session = SAID["sessions"]["1"] | {"server_id": {"pid": pid}}
    with pytest.raises(BackendFailure):
        parse_status(packed({"sessions": {"1": session}}), SERVER)


def test_texts_and_the_whole_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A little that unpacks to a lot is not unpacked."""
    session = SAID["sessions"]["1"] | {"remote_machine": "x" * 100_000, "session_id": "y" * 100_000}
    (read,) = parse_status(packed({"sessions": {"1": session}}), SERVER).sessions
    assert (4096, 4096) == (len(read.address), len(read.id))
    monkeypatch.setattr(status, "_MOST_BYTES", 1000)
    with pytest.raises(BackendFailure):
        parse_status(packed({"sessions": {"1": session}}), SERVER)
