"""Reading what smbstatus says of sessions and open files. Pure.

On a compromised server it may be anything, so nothing of it is taken but bounded texts and numbers.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shares_core.adapters.samba.render import folder_of
from shares_core.domain.errors import BackendFailure
from shares_core.domain.server import ShareServer
from shares_core.domain.sessions import OpenFile, SmbSession, SmbStatus

#: Unpacked. 100,000 open files take about as much.
_MOST_BYTES = 128 << 20
#: More than Samba has in one text: a path of 4,096 bytes.
_LONGEST_TEXT = 4096
_READING, _WRITING = 0x1, 0x2 | 0x4  # MS-SMB2 2.2.13.1: FILE_READ_DATA, FILE_WRITE_DATA, FILE_APPEND_DATA
#: What to read a value wrongly may raise.
_WRONG = (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError)


def parse_status(packed: str, server: ShareServer) -> SmbStatus:
    """Read what status.sh prints. Raises BackendFailure if it is not that."""
    try:
        said = json.loads(_unpacked(packed))
        sessions = tuple(_sessions(said, server))
        return SmbStatus(sessions, tuple(_files(said, server, sessions)))
    except (*_WRONG, binascii.Error, zlib.error) as error:
        raise BackendFailure(
            f"what server {server.name} says of its connections cannot be read",
            hint="something there speaks in Samba's place: stop the server, which needs none of its help",
        ) from error


def _unpacked(packed: str) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)
    found = unpacking.decompress(base64.b64decode(packed, validate=True), _MOST_BYTES)
    if not unpacking.eof:
        raise ValueError("it does not end")
    return found


def _sessions(said: Any, server: ShareServer) -> Iterable[SmbSession]:
    shares: dict[str, set[str]] = {}
    for connect in said.get("tcons", {}).values():
        shares.setdefault(_text(connect["session_id"]), set()).add(_text(connect["service"]))
    served = {str(share.name) for share in server.shares}
    for each in said.get("sessions", {}).values():
        key = _text(each["session_id"])
        yield SmbSession(
            id=key,
            user=_user(server, int(each["uid"])),
            address=_text(each["remote_machine"]),
            since=_seconds(each["creation_time"]),
            dialect=_text(each["session_dialect"]),
            encryption=_cipher(each.get("encryption", {})),
            shares=tuple(sorted(shares.get(key, set()) & served)),
            connection=_pid(each),
        )


def _files(said: Any, server: ShareServer, sessions: Iterable[SmbSession]) -> Iterable[OpenFile]:
    users: dict[int, set[str]] = {}
    for session in sessions:
        users.setdefault(session.connection, set()).add(session.user)
    names = {folder_of(share): str(share.name) for share in server.shares}
    locks = said.get("byte_range_locks", {})
    for path, file in said.get("open_files", {}).items():
        share = names.get(_text(file["service_path"]))
        if share is None:  # IPC$, or no share of ours
            continue
        locked = [_pid(lock) for lock in locks.get(path, {}).get("locks", ())]
        for opened in file["opens"].values():
            pid = _pid(opened)
            yield OpenFile(
                share=share,
                path=_text(file["filename"]),
                users=tuple(sorted(users.get(pid, ()))),
                access=_access(int(opened["access_mask"]["hex"], 16)),
                locks=locked.count(pid),
                since=_seconds(opened["opened_at"]),
                connection=pid,
            )


def _user(server: ShareServer, uid: int) -> str:
    """The user's name; for an account that was removed, Samba's."""
    for account in server.accounts:
        if account.uid == uid:
            return str(account.name)
    return f"<{uid}>"


def _pid(each: Mapping[str, Any]) -> int:
    pid = int(each["server_id"]["pid"])
    if not 0 < pid < 2**31:
        raise ValueError("that is not a process")
    return pid


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
