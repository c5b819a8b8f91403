"""Changing the options of a share."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from shares_core.app.lifecycle.audit import try_to_collect
from shares_core.app.lifecycle.publish import publish
from shares_core.app.operations.work import ServerWork
from shares_core.domain.operation import ServerOperation


@frozen(kw_only=True)
class SetOptions(ServerOperation):
    """Only goes forward: the record already holds the new options.

    The share is closed on every connection, because Samba reads most options when a client comes to a share.
    Clients come back by themselves. ``clears_bin`` is that the share had a recycle bin and has none any more:
    once nobody moves files there, what is in the bin goes. ``ends_audit`` is that it is not audited any more:
    what was done until then is collected.
    """

    kind: ClassVar[str] = "share.set"
    forward_only: ClassVar[bool] = True

    share_id: str
    clears_bin: bool = False
    ends_audit: bool = False

    def run(self, work: ServerWork) -> None:
        publish(work.ports, work.server)
        server, share = work.server, work.server.share_by_id(self.share_id)
        if share is not None:
            work.ports.smb_sessions.close_share(server, share.name)
            if self.clears_bin and share.bin_cleared < self.since:
                # Recorded at once: what clients put into a folder of that name later is theirs.
                server = work.save(server.with_share(share.with_bin_cleared(work.ports.clock.now())))
                publish(work.ports, server)
            if self.ends_audit:
                try_to_collect(work.ports, server, also=(share.id,))
        work.finish(server)

    def recover(self, work: ServerWork) -> None:
        self.run(work)
