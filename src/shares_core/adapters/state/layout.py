"""Paths in the state folder."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from shares_core.domain.service import ServerFolder


@frozen
class Layout:
    """The state folder's parts.

    ::

        installation.json       who this installation is; knows its pool
        records/<server>.json   the truth about each server
        names/<name>            a link that says which server has the name; made anew if it is lost
        secrets/<server>.json   its password hashes, root only
        audit/<server>/<share>/ what clients did there, a file for each day
        locks/                  lock files
        progress/<operation>    how far it has come, while it is at work
        servers/                root only; bound onto itself as a shared mount
            <server>/config     what the service reads
                     config/agent   what the host asks the container's agent
            <server>/private    the one folder that the service owns
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
    def names(self) -> Path:
        return self.state_dir / "names"

    @property
    def secrets(self) -> Path:
        return self.state_dir / "secrets"

    @property
    def audit(self) -> Path:
        return self.state_dir / "audit"

    @property
    def locks(self) -> Path:
        return self.state_dir / "locks"

    @property
    def progress(self) -> Path:
        return self.state_dir / "progress"

    @property
    def servers(self) -> Path:
        return self.state_dir / "servers"

    def server(self, server_id: str) -> Path:
        return self.servers / server_id

    def folder(self, server_id: str, folder: ServerFolder) -> Path:
        return self.server(server_id) / folder

    def config(self, server_id: str) -> Path:
        return self.folder(server_id, ServerFolder.CONFIG)

    def agent(self, server_id: str) -> Path:
        return self.config(server_id) / "agent"

    def private(self, server_id: str) -> Path:
        return self.folder(server_id, ServerFolder.PRIVATE)

    def shares(self, server_id: str) -> Path:
        return self.folder(server_id, ServerFolder.SHARES)

    def share(self, server_id: str, share_id: str) -> Path:
        return self.shares(server_id) / share_id
