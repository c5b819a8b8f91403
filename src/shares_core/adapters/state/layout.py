"""Where things lie in the state folder."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen
class Layout:
    """The state folder's parts.

    ::

        installation.json       who this installation is; knows its pool
        records/<server>.json   the truth about each server
        secrets/<server>.json   its password hashes, root only
        locks/                  lock files
        servers/                root only; bound onto itself as a shared mount
            <server>/config     smb.conf, passwd, group: read-only inside the container
            <server>/private    smbpasswd: the one folder that smbd owns
            <server>/shares     mount points, one for each share, passed on to the container
    """

    state_dir: Path

    @property
    def installation(self) -> Path:
        return self.state_dir / "installation.json"

    @property
    def records(self) -> Path:
        return self.state_dir / "records"

    @property
    def secrets(self) -> Path:
        return self.state_dir / "secrets"

    @property
    def locks(self) -> Path:
        return self.state_dir / "locks"

    @property
    def servers(self) -> Path:
        return self.state_dir / "servers"

    def server(self, server_id: str) -> Path:
        return self.servers / server_id

    def config(self, server_id: str) -> Path:
        return self.server(server_id) / "config"

    def private(self, server_id: str) -> Path:
        return self.server(server_id) / "private"

    def shares(self, server_id: str) -> Path:
        return self.server(server_id) / "shares"

    def share(self, server_id: str, share_id: str) -> Path:
        return self.shares(server_id) / share_id
