"""Snapshots of shares: create, list, show, delete, export; and reverting a share to one."""

from __future__ import annotations

from attrs import frozen

from shares_core.app.leases import Leases
from shares_core.app.operations.create_snapshot import CreateSnapshot
from shares_core.app.operations.delete_snapshot import DeleteSnapshot
from shares_core.app.operations.perform import begun, perform
from shares_core.app.operations.revert_share import RevertShare
from shares_core.app.operations.unexport_snapshot import UnexportSnapshot
from shares_core.app.usecases.copying import UNSERVED, require_agreed
from shares_core.domain.errors import Conflict
from shares_core.domain.exports import name_of
from shares_core.domain.remedy import Call, Parameter, Remedy, UseCase
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.domain.snapshot_views import RevertView, SnapshotView
from shares_core.domain.snapshots import SnapshotName
from shares_core.domain.volume import VolumeRef
from shares_core.ports import Ports


@frozen
class Snapshots:
    """The use cases about snapshots.

    Every one may raise HostNotReady, BackendFailure, Busy, NotFound and InvalidInput. What takes long holds
    only its share: everything else on its server goes on.
    """

    _ports: Ports
    _leases: Leases

    def create(self, server: str, share: str, name: str | None = None, *, copy: bool = False) -> SnapshotView:
        """Keep what the share holds now, as after a power cut at this moment.

        Its clients stay connected; who writes waits for a moment. Without ``name`` it is named by its time.
        Where the pool's volumes cannot share blocks (``PoolView.snapshots``), it needs ``copy``, and takes as
        long as that takes: it has a progress, and can be cancelled. In a folder of files, clients can only
        read meanwhile: they are disconnected, and come back by themselves, before and after it.

        Raises ShareFailed, AlreadyExists if the name is taken, Conflict if the share has as many as it may
        have or if ``copy`` is needed, and NoCapacity if the pool could not keep every promise then, or not
        what clients change during the copy. After any error nothing of it is left.
        """
        return take(self._ports, self._leases, server, share, name, copy=copy)

    def list(self, server: str, share: str | None = None) -> tuple[SnapshotView, ...]:
        """The snapshots of a share, or of all shares of the server, in the order in which they were taken."""
        found = self._leases.find(server)
        shares = found.shares if share is None else (found.share(share),)
        return tuple(SnapshotView(found, each, snapshot) for each in shares for snapshot in each.snapshots)

    def show(self, server: str, share: str, name: str) -> SnapshotView:
        """Return the snapshot as recorded."""
        found = self._leases.find(server)
        return _view(found, found.share(share), name)

    def delete(self, server: str, share: str, name: str) -> None:
        """Remove the snapshot. The share stays served; its clients are disconnected if one has it open.

        It stays if somebody else uses it; otherwise it only goes forward: after an error, the next call
        carries on. A share that has failed can lose snapshots too. Raises Conflict if it is exported.
        """
        with self._leases.share(server, share) as work:
            with work.locked() as held:
                found = _require_idle(work.share)
                snapshot = found.snapshot(name)
                if snapshot.is_exported:
                    words = (str(work.server.name), str(found.name), str(snapshot.name))
                    raise Conflict(
                        f"snapshot {snapshot.name} is exported as {name_of(found, snapshot)}",
                        hint=Remedy.of(Call(UseCase.SNAPSHOTS_UNEXPORT, words), " first"),
                    )
                operation = DeleteSnapshot(**begun(self._ports), share_id=found.id, snapshot_id=snapshot.id)
                work.journal(held, operation)
            perform(work)

    def export(self, server: str, share: str, name: str) -> SnapshotView:
        """Make the snapshot a read-only share of its own, ``SHARE@SNAPSHOT``, which nobody may use yet.

        ``access.allow`` with that name lets users in. Idempotent. Raises ShareFailed; AlreadyExists if
        another share has that name, InvalidInput if no share can have it.
        """
        with self._leases.settled(server, share) as held:
            found = _require_idle(held.server.share(share))
            snapshot = found.snapshot(name)
            if not snapshot.is_exported:
                name_of(found, snapshot)
                exported = found.with_snapshot_rules(snapshot.id, ())
                held.save_or_restore(held.server.with_share(exported))
            return _view(held.server, held.server.share(share), name)

    def unexport(self, server: str, share: str, name: str) -> None:
        """Take the export back with all its rules, and disconnect its clients. Idempotent.

        It only goes forward: after an error, the next call carries on.
        """
        with self._leases.server(server) as held:
            found = held.server.share(share)
            snapshot = found.snapshot(name)
            if snapshot.is_exported:
                operation = UnexportSnapshot(**begun(self._ports), snapshot_id=snapshot.id)
                held.journal(operation, held.server.with_share(found.with_snapshot_rules(snapshot.id, ())))
                perform(held)

    def revert(
        self, server: str, share: str, name: str, *, older: bool = False, copy: bool = False
    ) -> RevertView:
        """Make the share hold what it held when the snapshot was taken; its clients are disconnected.

        What was written since is lost, unless another snapshot has it. Rules, options and all snapshots stay;
        the capacity of that time returns. Where volumes cannot share blocks it needs ``copy``: the share is
        not served until the snapshot is copied, which has a progress and can be cancelled.

        Raises Conflict for a snapshot that is not the newest, unless ``older``, and if ``copy`` is needed;
        NoCapacity; InvalidInput if the share's options do not fit that capacity. A damaged share can be
        reverted too. Undone after an error; once the former volume is being removed, it only goes forward.
        """
        with self._leases.share(server, share) as work:
            with work.locked() as held:
                found = _require_idle(work.share)
                snapshot = found.snapshot(name)
                found.options.check(snapshot.capacity)
                if snapshot != found.snapshots[-1] and not older:
                    raise Conflict(
                        f"snapshot {snapshot.name} is not the newest of share {found.name.value!r}: "
                        f"{found.snapshots[-1].name} is",
                        hint=Remedy.of("revert to that one, or say ", Parameter("older")),
                    )
                require_agreed(self._ports, found, copy, meanwhile=UNSERVED)
                operation = RevertShare(
                    **begun(self._ports),
                    share_id=found.id,
                    source_ref=found.ref_of(snapshot),
                    capacity=snapshot.capacity,
                    new=VolumeRef(found.volume.pool, self._ports.ids.new_id()),
                    former=found.volume.ref,
                )
                work.journal(held, operation)
            perform(work)
            view = _view(work.server, work.share.require_ready(), name)
            return RevertView(view, capacity_before=found.capacity)


def _require_idle(share: CifsShare) -> CifsShare:
    """The share, on which nothing is under way; it may have failed. Raises ShareFailed."""
    return share if share.operation is None else share.require_ready()


def _view(server: ShareServer, share: CifsShare, name: str) -> SnapshotView:
    return SnapshotView(server, share, share.snapshot(name))


def take(
    ports: Ports,
    leases: Leases,
    server: str,
    share: str,
    name: str | None = None,
    *,
    scheduled: bool = False,
    copy: bool = False,
) -> SnapshotView:
    """Take one for a person or for a schedule, which removes only its own. Raises as ``create`` does."""
    if name is not None:
        SnapshotName(name)
    with leases.share(server, share) as work:
        with work.locked() as held:
            found = work.share.require_ready()
            now = ports.clock.now()
            snapshot = found.next_snapshot(ports.ids.new_id(), name, now, scheduled=scheduled)
            way = require_agreed(ports, found, copy)
            operation = CreateSnapshot(**begun(ports), share_id=found.id, snapshot=snapshot, way=way)
            work.journal(held, operation)
        perform(work)
        return _view(work.server, work.share, str(snapshot.name))
