"""Reading what smbstatus says of sessions and open files. Pure.

On a compromised server it may be anything, so nothing of it is taken but bounded texts and numbers.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from shares_core.adapters.samba.render import served_folder
from shares_core.domain.errors import BackendFailure
from shares_core.domain.server import ShareServer
from shares_core.domain.sessions import OpenFile, SmbSession

_T = TypeVar("_T", bound=Sized)

#: Of the unpacked text, and of values in one list: 25,000 open files take about as much.
_MOST_BYTES, _MOST = 32 << 20, 25_000
#: How often status.sh asks smbstatus.
_ANSWERS = 2
#: More than Samba has in one text: a path of 4,096 bytes.
_LONGEST_TEXT = 4096
_READING, _WRITING = 0x1, 0x2 | 0x4  # MS-SMB2 2.2.13.1: FILE_READ_DATA, FILE_WRITE_DATA, FILE_APPEND_DATA
#: What to read a value wrongly may raise.
_WRONG = (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError)


def parse_sessions_of(packed: str, server: ShareServer) -> tuple[SmbSession, ...]:
    """Read what status.sh prints of sessions. Raises BackendFailure if it is not that."""
    with _reading(server):
        return tuple(_sessions(_unpacked(packed), server))


def parse_files_of(packed: str, server: ShareServer) -> tuple[OpenFile, ...]:
    """Read what status.sh prints of files. Raises BackendFailure if it is not that."""
    with _reading(server):
        said = _unpacked(packed)
        return tuple(_files(said, server, _sessions(said, server)))


@contextmanager
def _reading(server: ShareServer) -> Iterator[None]:
    try:
        yield
    except (*_WRONG, binascii.Error, zlib.error) as error:
        raise BackendFailure(
            f"what server {server.name} says of its connections cannot be read",
            hint="it has too many to tell, or something there speaks in Samba's place: then stop the server",
        ) from error


def _unpacked(packed: str) -> dict[str, Any]:
    """The answers of both of smbstatus's runs, a line each, as one."""
    unpacking = zlib.decompressobj(wbits=31)
    text = unpacking.decompress(base64.b64decode(packed, validate=True), _MOST_BYTES).decode()
    if not unpacking.eof:
        raise ValueError("it does not end")
    said: dict[str, Any] = {}
    for line in filter(None, text.split("\n", _ANSWERS)):
        said.update(json.loads(line))
    return said


def _sessions(said: Mapping[str, Any], server: ShareServer) -> Iterator[SmbSession]:
    shares: dict[str, set[str]] = {}
    for connect in _bounded(said.get("tcons", {})).values():
        shares.setdefault(_text(connect["session_id"]), set()).add(_text(connect["service"]))
    served = {str(export.name) for export in server.exports}
    users = {account.uid: str(account.name) for account in server.accounts}
    for each in _bounded(said.get("sessions", {})).values():
        key, uid = _text(each["session_id"]), int(each["uid"])
        yield SmbSession(
            id=key,
            user=users.get(uid, f"<{uid}>"),  # of an account that was removed
            address=_text(each["remote_machine"]),
            since=_seconds(each["creation_time"]),
            dialect=_text(each["session_dialect"]),
            encryption=_cipher(each.get("encryption", {})),
            shares=tuple(sorted(shares.get(key, set()) & served)),
            connection=_process(each),
        )


def _files(
    said: Mapping[str, Any], server: ShareServer, sessions: Iterable[SmbSession]
) -> Iterator[OpenFile]:
    users: dict[int, set[str]] = {}
    for session in sessions:
        users.setdefault(session.connection, set()).add(session.user)
    told = {pid: tuple(sorted(names)) for pid, names in users.items()}
    names = {served_folder(export): str(export.name) for export in server.exports}
    locks = said.get("byte_range_locks", {})
    for path, file in _bounded(said.get("open_files", {})).items():
        share = names.get(_text(file["service_path"]))
        if share is None:  # IPC$, or no share of ours
            continue
        locked = Counter(map(_pid, _bounded(locks.get(path, {}).get("locks", ()))))
        for opened in _bounded(file["opens"]).values():
            pid = _pid(opened)
            if pid in told:  # not disconnected: of a client that may come back
                yield OpenFile(
                    share=share,
                    path=_text(file["filename"]),
                    users=told[pid],
                    access=_access(int(opened["access_mask"]["hex"], 16)),
                    locks=locked[pid],
                    since=_seconds(opened["opened_at"]),
                    connection=pid,
                )


def _bounded(values: _T) -> _T:
    if len(values) > _MOST:
        raise ValueError("there are too many")
    return values


def _process(each: Mapping[str, Any]) -> int:
    """The connection's process, which can be ended."""
    pid = _pid(each)
    if not 0 < pid < 2**31:
        raise ValueError("that is not a process")
    return pid


def _pid(each: Mapping[str, Any]) -> int:
    """A process, or the number that Samba has for a client that is disconnected and may come back."""
    return int(each["server_id"]["pid"])


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(_text(moment)).timestamp())


def _cipher(encryption: Mapping[str, Any]) -> str:
    found = _text(encryption.get("cipher", ""))
    return "" if found in ("-", "none") else found


def _access(mask: int) -> str:
    return ("r" if mask & _READING else "") + ("w" if mask & _WRITING else "")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("that is not a text")
    return value[:_LONGEST_TEXT]
