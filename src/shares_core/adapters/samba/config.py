"""Putting the rendered files where smbd reads them, and telling smbd to reload."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from shares_core.adapters.linux.files import place_whole, sweep, write_whole
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.samba.audit import entries_of, is_statement
from shares_core.adapters.samba.render import (
    BINS,
    USER_MAP,
    account_name,
    folder_of,
    render_bins,
    render_group,
    render_passwd,
    render_smb_conf,
    render_smbpasswd,
    render_user_map,
)
from shares_core.adapters.state.layout import Layout
from shares_core.domain.audit import AuditEntry
from shares_core.domain.errors import BackendFailure
from shares_core.domain.names import UserName
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from shares_core.domain.views import LogLine
from shares_core.ports.processes import ServerProcesses
from shares_core.ports.smb import SmbConfig

_PASSWORDS = "smbpasswd"
#: smbd may read these, and only root may write them.
_ROOTS = ("passwd", "group", USER_MAP, "smb.conf", BINS)


class SambaConfig(SmbConfig):
    """Files in the server's folders, each replaced by rename, and a SIGHUP.

    ``connections`` is the limit for one server; 0 means no limit.
    """

    def __init__(self, layout: Layout, processes: ServerProcesses, connections: int = 0) -> None:
        self._layout = layout
        self._processes = processes
        self._connections = connections

    def apply(self, server: ShareServer, hashes: Mapping[UserName, PasswordHash]) -> None:
        applied, texts = self._applied(server), self._texts(server, hashes)
        with os_errors(f"configuring server {server.name}"), _room_in(server):
            applied.unlink(missing_ok=True)
            self._write(server, texts)
        self._processes.signal(server.id, "SIGHUP")
        with os_errors(f"configuring server {server.name}"), _room_in(server):
            write_whole(applied, _fingerprint(texts), durable=False)

    def applied(self, server: ShareServer, hashes: Mapping[UserName, PasswordHash]) -> bool:
        texts, config = self._texts(server, hashes), self._layout.config(server.id)
        with os_errors(f"looking at the configuration of server {server.name}"):
            try:
                told = self._applied(server).read_bytes() == _fingerprint(texts)
                return told and all((config / name).read_bytes() == texts[name].encode() for name in _ROOTS)
            except FileNotFoundError:
                return False

    def explained(self, server: ShareServer, text: str) -> str:
        for account in server.accounts:
            text = text.replace(account_name(account), str(account.name))
        return text

    def is_audit(self, text: str) -> bool:
        return is_statement(text)

    def audited(
        self, server: ShareServer, share_ids: Collection[str], lines: Sequence[LogLine]
    ) -> Mapping[str, Sequence[AuditEntry]]:
        roots = {share.id: folder_of(share) for share in server.shares if share.id in share_ids}
        return entries_of(lines, roots, server.accounts)

    def _applied(self, server: ShareServer) -> Path:
        """A file of root's that the container does not see: what smbd may write to does not count."""
        return self._layout.server(server.id) / "applied"

    def _texts(self, server: ShareServer, hashes: Mapping[UserName, PasswordHash]) -> dict[str, str]:
        """The files by name, in the order in which smbd may see them.

        Accounts first, so that no share is served to names that Samba does not know.
        """
        return {
            "passwd": render_passwd(server),
            "group": render_group(server),
            _PASSWORDS: render_smbpasswd(server.accounts, hashes),
            USER_MAP: render_user_map(server),
            "smb.conf": render_smb_conf(server, self._connections),
            BINS: render_bins(server),
        }

    def _write(self, server: ShareServer, texts: Mapping[str, str]) -> None:
        """Does not wait for the disk: the files are rendered again whenever the server is brought up."""
        self._sweep(server)
        for name, text in texts.items():
            if name == _PASSWORDS:
                self._place_passwords(server, text)
            else:
                path = self._layout.config(server.id) / name
                write_whole(path, text.encode(), mode=0o644, durable=False)

    def _sweep(self, server: ShareServer) -> None:
        """Remove everything beside the passwords, which takes up their space: smbd puts nothing there."""
        sweep(self._layout.server(server.id), self._layout.private(server.id), keep=_PASSWORDS)

    def _place_passwords(self, server: ShareServer, text: str) -> None:
        """Place the passwords in the one folder that smbd owns, as smbd's file: smbd insists on both."""
        folder = self._layout.server(server.id)
        place_whole(
            folder, self._layout.private(server.id), _PASSWORDS, text.encode(), mode=0o600, owner=server.uid
        )


def _fingerprint(texts: Mapping[str, str]) -> bytes:
    return hashlib.sha256("\0".join(texts.values()).encode()).hexdigest().encode()


@contextmanager
def _room_in(server: ShareServer) -> Iterator[None]:
    """The folder has its own space (see DiskFolders): if it is full, the host's disk is not."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise BackendFailure(
            f"the own folder of server {server.name} is full of what its smbd put there",
            hint=Remedy.of(
                "nothing of that is needed: ",
                Call(UseCase.SERVERS_STOP, (str(server.name),)),
                ", then start it",
            ),
        ) from error
