"""Password hashes on disk: one file for each server that only root can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from shares_core.adapters.linux.files import make_private_folder, remove_durably, write_whole
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.state.layout import Layout
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import UserName
from shares_core.domain.secret import PasswordHash, Secret
from shares_core.ports.secrets import Secrets


def nt_hash(password: Secret) -> str:
    """The NT hash: MD4 of the UTF-16 text, 32 upper-case hexadecimal digits (MS-NLMP, NTOWFv1)."""
    from Crypto.Hash import MD4  # OpenSSL 3, and so hashlib, no longer has MD4

    return MD4.new(password.reveal().encode("utf-16-le")).hexdigest().upper()  # noqa: S303 - what SMB uses


class DiskSecrets(Secrets):
    """The hashes in the state folder, written with fsync and rename."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def digest(self, password: Secret, changed: int) -> PasswordHash:
        return PasswordHash(nt_hash(password), changed)

    def hashes(self, server_id: str) -> Mapping[UserName, PasswordHash]:
        path = self._path(server_id)
        with os_errors(f"reading {path}"):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                return {}
        try:
            return {
                UserName(name): PasswordHash(entry["nt"], int(entry["changed"]))
                for name, entry in json.loads(content).items()
            }
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is unreadable
            # Keep no cause: what failed to parse may hold a hash.
            raise RecordUnreadable(str(path), "it does not hold password hashes") from None

    def put(self, server_id: str, hashes: Mapping[UserName, PasswordHash]) -> None:
        if hashes:
            self._write(server_id, {**self.hashes(server_id), **hashes})

    def remove(self, server_id: str, users: Iterable[UserName]) -> None:
        gone = set(users)
        before = self.hashes(server_id)
        after = {user: hashed for user, hashed in before.items() if user not in gone}
        if after != before:
            self._write(server_id, after)

    def clear(self, server_id: str) -> None:
        with os_errors("removing password hashes"):
            remove_durably(self._path(server_id))

    def _write(self, server_id: str, hashes: Mapping[UserName, PasswordHash]) -> None:
        content = {str(user): {"nt": hashed.nt, "changed": hashed.changed} for user, hashed in hashes.items()}
        with os_errors("writing password hashes"):
            make_private_folder(self._layout.state_dir)
            make_private_folder(self._layout.secrets)
            write_whole(self._path(server_id), json.dumps(content, indent=1).encode())

    def _path(self, server_id: str) -> Path:
        return self._layout.secrets / f"{server_id}.json"
