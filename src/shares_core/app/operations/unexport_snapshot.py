"""Taking back the export of a snapshot."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.publish import publish
from shares_core.app.operations.work import ServerWork
from shares_core.domain.operation import ServerOperation


@frozen(kw_only=True)
class UnexportSnapshot(ServerOperation):
    """Only goes forward: the record already has no rule for it, and its clients lose their connections."""

    kind: ClassVar[str] = "snapshot.unexport"
    forward_only: ClassVar[bool] = True

    snapshot_id: str

    def run(self, work: ServerWork) -> None:
        publish(work.ports, work.server)
        server, export = work.server, work.server.export_by_id(self.snapshot_id)
        if export is not None:
            work.ports.smb_sessions.close_share(server, export.name)
            server = server.with_share(export.share.with_snapshot_rules(self.snapshot_id, None))
        work.finish(server)

    def recover(self, work: ServerWork) -> None:
        self.run(work)
