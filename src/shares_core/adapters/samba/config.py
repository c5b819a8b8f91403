"""Putting the rendered files where smbd reads them, and telling it."""

from __future__ import annotations

from collections.abc import Mapping

from shares_core.adapters.disk.errors import os_errors
from shares_core.adapters.disk.files import place_whole, write_whole
from shares_core.adapters.layout import Layout
from shares_core.adapters.samba.processes import ServerProcesses
from shares_core.adapters.samba.render import render_group, render_passwd, render_smb_conf, render_smbpasswd
from shares_core.domain.names import UserName
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from shares_core.ports.smb import SmbConfig


class SambaConfig(SmbConfig):
    """Files in the server's folders, each replaced by rename, and a SIGHUP."""

    def __init__(self, layout: Layout, processes: ServerProcesses) -> None:
        self._layout = layout
        self._processes = processes

    def apply(self, server: ShareServer, hashes: Mapping[UserName, PasswordHash]) -> None:
        config = self._layout.config(server.id)
        with os_errors(f"configuring server {server.name}"):
            # Accounts first, so that no share is ever served to names that Samba does not know. None of it
            # need reach the disk: it is rendered again whenever the server is brought up.
            for name, text in (("passwd", render_passwd(server)), ("group", render_group(server))):
                write_whole(config / name, text.encode(), mode=0o644, durable=False)
            self._place_passwords(server, render_smbpasswd(server.accounts, hashes))
            write_whole(config / "smb.conf", render_smb_conf(server).encode(), mode=0o644, durable=False)
        self._processes.signal(server.id, "SIGHUP")

    def _place_passwords(self, server: ShareServer, text: str) -> None:
        """Into the one folder that smbd owns, as smbd's own file: it insists on both."""
        folder = self._layout.server(server.id)
        place_whole(
            folder, self._layout.private(server.id), "smbpasswd", text.encode(), mode=0o600, owner=server.uid
        )
