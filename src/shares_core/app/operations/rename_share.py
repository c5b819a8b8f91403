"""Renaming a share."""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve, frozen

from shares_core.app.lifecycle.publish import publish
from shares_core.app.operations.work import ServerWork
from shares_core.domain.exports import exports_of
from shares_core.domain.names import ShareName
from shares_core.domain.operation import ServerOperation
from shares_core.domain.share import CifsShare


@frozen(kw_only=True)
class RenameShare(ServerOperation):
    """Only goes forward: the record already has the new name.

    What clients have open under its ``former`` name, and under those of its exported snapshots, is closed.
    """

    kind: ClassVar[str] = "share.rename"
    forward_only: ClassVar[bool] = True

    share_id: str
    former: ShareName

    def run(self, work: ServerWork) -> None:
        publish(work.ports, work.server)
        share = work.server.share_by_id(self.share_id)
        if share is not None:
            as_it_was = self._as_it_was(share)
            server = work.server.with_share(as_it_was)
            for export in exports_of(as_it_was):
                work.ports.smb_sessions.close_share(server, export.name)
        work.finish(work.server)

    def _as_it_was(self, share: CifsShare) -> CifsShare:
        """The share under its former name, by which nobody may use it any more.

        If the names differ in case only, they are one to clients.
        """
        if share.name.key == self.former.key:
            return share
        for snapshot in share.snapshots:
            if snapshot.is_exported:
                share = share.with_snapshot_rules(snapshot.id, ())
        return evolve(share.with_rules(()), name=self.former)

    def recover(self, work: ServerWork) -> None:
        self.run(work)
