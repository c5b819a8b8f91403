"""CIFS shares: create, show, list, set, rename, extend, shrink, check, delete."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from attrs import evolve, frozen

from shares_core.app.leases import Leases
from shares_core.app.lifecycle.audit import try_to_collect
from shares_core.app.operations.check_share import Checked, CheckShare
from shares_core.app.operations.create_share import CreateShare
from shares_core.app.operations.delete_share import DeleteShare, DeleteStage
from shares_core.app.operations.extend_share import Extended, ExtendShare, unfinished
from shares_core.app.operations.perform import Begun, begun, perform
from shares_core.app.operations.rename_share import RenameShare
from shares_core.app.operations.set_options import SetOptions
from shares_core.app.operations.shrink_share import ShrinkShare
from shares_core.app.operations.work import ShareWork
from shares_core.app.usecases.copying import NOT_THERE_YET, UNSERVED, require_agreed
from shares_core.app.usecases.pools import configured
from shares_core.domain.audit import AuditEntry, check_moment
from shares_core.domain.capacity import Capacity, format_bytes
from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput, NotEmpty, SharesError, WouldLoseData
from shares_core.domain.names import ShareName
from shares_core.domain.options import RecycleBin, ShareOptions, TimeMachine
from shares_core.domain.remedy import Parameter, Remedy
from shares_core.domain.request import ShareRequest
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare, FileSystem, FileSystemKind
from shares_core.domain.snapshots import SnapshotSource
from shares_core.domain.undo import undone_by
from shares_core.domain.views import CheckView, ExtendView, ExtendWay, RecycledFiles, RunState, ShareView
from shares_core.domain.volume import DEFAULT_POOL, DISK_OWNER, PoolName, ShareVolume, VolumeRef
from shares_core.ports import Ports
from shares_core.ports.storage import Volume, require_volume

_DEFAULTS = ShareOptions()


@frozen
class Shares:
    """The use cases about shares. Every one may raise HostNotReady, BackendFailure, Busy and NotFound.

    A change of a share on which something is under way raises Busy at once, which names that. While a change
    takes long (a check, a repair, growing, a wipe), it holds only its share: everything else on its server
    goes on.
    """

    _ports: Ports
    _leases: Leases

    def create(
        self,
        server: str,
        share: str,
        capacity: Capacity,
        filesystem: FileSystemKind = FileSystemKind.EXT4,
        pool: str = str(DEFAULT_POOL),
        options: ShareOptions | None = None,
        *,
        case_fold: bool = False,
    ) -> ShareView:
        """Make a share of ``capacity`` in the pool; nobody has access to it yet.

        None for ``options`` is the default of a new share, and fits any other. With ``case_fold`` the file
        system itself finds names in any case, so that a folder may be of any size; docs/clients.md says what
        that does to names. It needs ext4, and a kernel that can (HostNotReady). If the share exists and fits,
        it is returned as it is. Raises InvalidInput, AlreadyExists, NoCapacity; after any error nothing of a
        new share is left.
        """
        name = ShareName(share)
        filesystem = FileSystemKind.parse(filesystem)
        filesystem.check(capacity)
        filesystem.check_case_fold(case_fold)
        wanted = PoolName(pool)
        if options is not None:
            require(options, ShareOptions, "a share's options", hint="ShareOptions() is the default")
            options.check(capacity)

        if self._leases.find(server).find_share(name) is None:
            self._ports.filesystems.require_mounting(case_fold=case_fold)
            # Before anybody waits for a lock: a pool's first use may take long.
            self._ports.storage.prepare(configured(self._ports, wanted))

        def volume() -> ShareVolume:
            traits = self._ports.storage.prepare(wanted)
            ids = self._ports.ids
            made = FileSystem(filesystem, ids.new_uuid(), case_fold)
            return ShareVolume(VolumeRef(wanted, ids.new_id()), made, DISK_OWNER, traits)

        request = ShareRequest(name, capacity, filesystem, wanted, options, case_fold)
        return self._created(server, request, volume)

    def clone(
        self,
        server: str,
        share: str,
        source: SnapshotSource,
        capacity: Capacity | None = None,
        options: ShareOptions | None = None,
        pool: str | None = None,
        *,
        copy: bool = False,
    ) -> ShareView:
        """Make a share that holds what a snapshot holds, of this server or another; nobody has access yet.

        It is in the snapshot's pool unless another is named, and has its size if ``capacity`` is None. It
        depends on nothing: its source can be deleted, and neither sees what is written to the other. Without
        ``options`` it has those of the source's share. If the share exists and fits, it is returned as it is.

        In another pool, and where volumes cannot share blocks, it needs ``copy``, and takes as long as that
        takes: it has a progress, and can be cancelled. Raises InvalidInput (smaller than the snapshot),
        AlreadyExists, NoCapacity, Conflict if ``copy`` is needed; after any error nothing of a new share is
        left.
        """
        name = ShareName(share)
        require(
            source, SnapshotSource, "what to clone", hint="SnapshotSource.parse reads SERVER/SHARE@SNAPSHOT"
        )
        origin = self._leases.find(str(source.server)).share(source.share)
        snapshot = origin.snapshot(str(source.snapshot))
        wanted = capacity or snapshot.capacity
        origin.filesystem.kind.check(wanted)
        if wanted < snapshot.capacity:
            raise InvalidInput(
                f"snapshot {snapshot.name} has {snapshot.capacity}, more than {wanted}",
                hint="give a larger size, or none",
            )
        (options or origin.options).check(wanted)
        copied = origin.volume_of(snapshot)
        into = copied.pool if pool is None else configured(self._ports, PoolName(pool))
        if self._leases.find(server).find_share(name) is None:
            if into != copied.pool:
                self._ports.storage.prepare(into)  # before anybody waits for a lock
            require_agreed(self._ports, origin, copy, meanwhile=NOT_THERE_YET, into=into)

        def volume() -> ShareVolume:
            ids = self._ports.ids
            traits = copied.traits if into == copied.pool else self._ports.storage.prepare(into)
            anew = evolve(copied.filesystem, uuid=ids.new_uuid())
            return evolve(copied, ref=VolumeRef(into, ids.new_id()), filesystem=anew, traits=traits)

        kind, folds = copied.filesystem.kind, copied.filesystem.case_fold
        request = ShareRequest(name, wanted, kind, into, options, folds, snapshot.id)
        return self._created(server, request, volume, copied, origin.options)

    def _created(
        self,
        server: str,
        request: ShareRequest,
        volume: Callable[[], ShareVolume],
        source: ShareVolume | None = None,
        options: ShareOptions = _DEFAULTS,
    ) -> ShareView:
        """The share, made if it does not exist, from ``source`` or empty. ``options`` are for one without."""
        ids = self._ports.ids
        with ExitStack() as slot:
            with self._leases.settled(server, request.name, await_made=True) as held:
                existing = held.server.find_share(request.name)
                if existing is not None:
                    request.require_same(existing)
                    return self._view(held.server, existing, self._volume_size(existing), held.found)
                self._ports.filesystems.require_mounting(case_fold=request.case_fold)
                share_id = ids.new_id()
                minted = CifsShare(
                    id=share_id,
                    name=request.name,
                    capacity=request.capacity,
                    volume=volume(),
                    options=request.options or options,
                    origin=request.origin,
                )
                work = ShareWork(self._ports, held.server, minted, held.found)
                self._leases.take_slot(slot, held.server, minted)
                with undone_by(lambda: self._ports.locks.forget(share_id)):
                    operation = CreateShare(**begun(self._ports), share_id=share_id, source=source)
                    work.journal(held, operation)
            made: Volume = perform(work)
            return self._view(work.server, work.share, made.size, work.found)

    def show(self, server: str, share: str) -> ShareView:
        """Return the share as recorded, with its used and free space, and what its recycle bin holds.

        Only that is asked of the server, which may take seconds. Raises InvalidInput.
        """
        found = self._leases.find(server)
        return self._shown(found, found.share(share))

    def _shown(self, server: ShareServer, share: CifsShare, state: RunState = RunState.UNKNOWN) -> ShareView:
        return evolve(
            self._view(server, share, self._volume_size(share), state), recycled=self._recycled(server, share)
        )

    def _recycled(self, server: ShareServer, share: CifsShare) -> RecycledFiles | None:
        if share.options.recycle_bin is None:
            return None
        try:
            return self._ports.smb_files.recycled(server, share)
        except SharesError:
            return None

    def list(self, server: str | None = None) -> tuple[ShareView, ...]:
        """List the shares of one server, or of all by the servers' names.

        If no server is named, servers with unreadable records are left out: ``Servers.list`` names them.
        """
        if server is not None:
            servers: tuple[ShareServer, ...] = (self._leases.find(server),)
        else:
            servers = tuple(r for r in self._ports.records.load_all() if isinstance(r, ShareServer))
        sizes = self._volume_sizes()
        return tuple(
            self._view(found, share, sizes.get(share.volume.ref))
            for found in servers
            for share in found.shares
        )

    def set(
        self,
        server: str,
        share: str,
        options: ShareOptions | None = None,
        *,
        time_machine: TimeMachine | bool | None = None,
        recycle_bin: RecycleBin | bool | None = None,
        audit: bool | None = None,
    ) -> ShareView:
        """Change the share's options. Idempotent.

        ``options`` replace all that it has; None begins with those. Of each option that is named, None leaves
        it, False turns it off, and True sets it with its defaults. If anything changes, the share's clients
        are disconnected, and come back by themselves. It only goes forward: after an error, the next call
        carries on. Raises InvalidInput.
        """
        if options is not None:
            require(options, ShareOptions, "a share's options", hint="ShareOptions() is the default")
        with self._leases.server(server) as held:
            found = held.server.share(share)
            if not found.is_whole:
                found.require_ready()
            wanted = (options or found.options).changed(
                time_machine=time_machine, recycle_bin=recycle_bin, audit=audit
            )
            wanted.check(found.capacity)
            if wanted != found.options:
                changed = held.server.with_share(found.with_options(wanted))
                clears = found.options.recycle_bin is not None and wanted.recycle_bin is None
                operation = SetOptions(
                    **begun(self._ports),
                    share_id=found.id,
                    clears_bin=clears,
                    ends_audit=found.options.audit and not wanted.audit,
                )
                held.journal(operation, changed)
                perform(held)
        return self._shown(held.server, held.server.share(share), held.found)

    def rename(self, server: str, share: str, name: str) -> ShareView:
        """Give the share another name, which its locations and those of its exported snapshots then have.

        Its clients are disconnected, and are told that there is no share of the former name. Rules, options,
        snapshots and its schedule stay. It only goes forward: after an error it has its new name, and the
        next call on its server carries on. Raises InvalidInput, and AlreadyExists if the name is taken;
        ShareFailed if an operation on the share is unfinished.
        """
        wanted = ShareName(name)
        with self._leases.settled(server, share) as held:
            found = held.server.share(share)
            if found.operation is not None:
                found.require_ready()
            if found.name != wanted:
                operation = RenameShare(**begun(self._ports), share_id=found.id, former=found.name)
                held.journal(operation, held.server.with_share(found.renamed(wanted)))
                perform(held)
            return self._shown(held.server, held.server.share(wanted), held.found)

    def audit(self, server: str, share: str, after: str = "", limit: int = 10_000) -> tuple[AuditEntry, ...]:
        """What clients did to the share's files after that time, in order: at least ``limit``, if there is.

        ``after`` is the time of an entry or a day; empty is the beginning of what is kept. Takes what the
        server has logged by now into the trail first. Empty if the share was never audited. As the server
        says: a compromised one may lie, but takes nothing away. Raises InvalidInput.
        """
        check_moment(after)
        require(limit, int, "a number of entries", hint="give 1 or more")
        if limit < 1:
            raise InvalidInput(f"{limit} is not a number of entries", hint="give 1 or more")
        found = self._leases.find(server)
        audited = found.share(share)
        if audited.options.audit:
            try_to_collect(self._ports, found)
        return self._ports.audit.read(found.id, audited.id, after, limit)

    def extend(self, server: str, share: str, capacity: Capacity, *, online_only: bool = False) -> ExtendView:
        """Make the share larger, online if the kernel allows it.

        If not, the share's clients are disconnected, the file system is checked and grown, and the share is
        served again; with ``online_only`` it raises Conflict instead, and nobody is disconnected. Raises
        InvalidInput (smaller than now), NoCapacity, ShareFailed; if a step fails, the share is served with
        its old size.
        """
        with self._leases.share(server, share) as work:
            with work.locked() as held:
                found = work.share.require_ready()
                if not self._is_larger(found, capacity):
                    unchanged = self._view(held.server, found, self._volume_size(found), work.found)
                    return ExtendView(unchanged, ExtendWay.UNCHANGED)
                volume = require_volume(self._ports.storage, found.volume.ref)
                operation = ExtendShare(
                    **begun(self._ports),
                    share_id=found.id,
                    before=found.capacity,
                    after=capacity,
                    volume_before=volume.size,
                    online_only=online_only,
                )
                work.journal(held, operation)
            extended: Extended = perform(work)
            size = extended.volume.size if extended.volume is not None else self._volume_size(work.share)
            return ExtendView(self._view(work.server, work.share, size, work.found), extended.way)

    @staticmethod
    def _is_larger(share: CifsShare, capacity: Capacity) -> bool:
        """Whether it is larger than the share. Raises InvalidInput if it is smaller."""
        share.filesystem.kind.check(capacity)
        if capacity < share.capacity:
            raise InvalidInput(
                f"share {share.name.value!r} has {share.capacity}, more than {capacity}",
                hint="extend only makes a share larger",
            )
        return capacity > share.capacity

    def shrink(self, server: str, share: str, capacity: Capacity, *, copy: bool = False) -> ShareView:
        """Make the share smaller; its clients are disconnected meanwhile. Idempotent.

        The share gets a copy of its volume that is shrunk, and its former volume goes: for a moment the pool
        holds both. Where volumes cannot share blocks it needs ``copy``, as a snapshot does. What snapshots
        hold is not freed, and they keep their size. If a step fails, the share is served with its old size.

        Raises WouldLoseData, which says how much it needs, if what it holds does not fit; InvalidInput for a
        larger size, and for one that its options do not fit; Conflict for an xfs, which cannot shrink, and if
        ``copy`` is needed; NoCapacity; ShareFailed. A cancel takes effect until the former volume goes.
        """
        with self._leases.share(server, share) as work:
            with work.locked() as held:
                found = work.share.require_ready()
                found.require_shrinkable(capacity)
                self._require_room_for_files(held.server, found, capacity)
                if capacity == found.capacity:
                    return self._view(held.server, found, self._volume_size(found), work.found)
                require_agreed(self._ports, found, copy, meanwhile=UNSERVED)
                operation = ShrinkShare(
                    **begun(self._ports),
                    share_id=found.id,
                    new=VolumeRef(found.volume.pool, self._ports.ids.new_id()),
                    former=found.volume.ref,
                    capacity=capacity,
                )
                work.journal(held, operation)
            perform(work)
            share_now = work.share.require_ready()
            return self._view(work.server, share_now, self._volume_size(share_now), work.found)

    def _require_room_for_files(self, server: ShareServer, share: CifsShare, capacity: Capacity) -> None:
        """Raise WouldLoseData if what is used is more than that: before anybody is disconnected."""
        usage = self._ports.filesystems.usage(server.id, share.id)
        if usage is not None and usage.used > capacity.bytes:
            raise WouldLoseData(
                f"share {share.name.value!r} holds {format_bytes(usage.used)}, more than {capacity}",
                usage.used,
                hint="delete something, or give a larger size",
            )

    def delete(self, server: str, share: str, *, with_snapshots: bool = False) -> None:
        """Remove the share and its data, disconnecting its clients; ``with_snapshots`` its snapshots too.

        It only goes forward, unless it is cancelled before the data is removed: after an error, the next call
        carries on. Raises InvalidInput, and NotEmpty, touching nothing, if it has snapshots.
        """
        with self._leases.share(server, share, supersede=True) as work:
            with work.locked() as held:
                if work.share.snapshots and not with_snapshots:
                    raise NotEmpty(
                        f"share {share!r} still has {len(work.share.snapshots)} snapshot(s)",
                        hint=Remedy.of(
                            "delete them first, or say ",
                            Parameter("with_snapshots"),
                            " to delete them too",
                        ),
                    )
                self._ports.storage.find_volume(work.share.volume.ref)  # raises if the pool is missing
                work.journal(held, _deletion(work.share, begun(self._ports)))
            perform(work)

    def check(self, server: str, share: str, *, repair: bool = False) -> CheckView:
        """Check the share's file system thoroughly; its clients are disconnected meanwhile.

        A whole file system is served again, also if the share had failed; if it is damaged, the share fails
        with what was found. ``repair`` repairs the damage, and may lose what is in damaged parts: copy the
        volume first. The next start or reconcile finishes an extension that damage had interrupted. Raises
        InvalidInput, ShareFailed for a share whose creation, extension or deletion is unfinished or whose
        volume is lost, and ShareDamaged if it cannot be repaired. Idempotent.
        """
        with self._leases.share(server, share) as work:
            with work.locked() as held:
                found = work.share
                if found.operation is not None and not found.damaged:
                    found.require_ready()
                operation = CheckShare(
                    **begun(self._ports), share_id=found.id, repair=repair, extension=unfinished(found)
                )
                work.journal(held, operation)
            checked: Checked = perform(work)
            view = self._view(work.server, work.share, self._volume_size(work.share), work.found)
            return CheckView(view, checked.damage, checked.repair)

    def _volume_sizes(self) -> dict[VolumeRef, Capacity]:
        """The sizes of all volumes, by one look at each pool, however many shares are listed."""
        sizes: dict[VolumeRef, Capacity] = {}
        for pool in self._ports.storage.pools():
            try:
                listed = self._ports.storage.list(pool)
                sizes.update((volume.ref, volume.size) for volume in listed if not volume.lost)
            except SharesError:
                continue  # the shares' other properties are known anyway
        return sizes

    def _volume_size(self, share: CifsShare) -> Capacity | None:
        try:
            volume = self._ports.storage.find_volume(share.volume.ref)
        except SharesError:
            return None
        return volume.size if volume is not None else None

    def _view(
        self, server: ShareServer, share: CifsShare, size: Capacity | None, state: RunState = RunState.UNKNOWN
    ) -> ShareView:
        try:
            usage = self._ports.filesystems.usage(server.id, share.id)
        except SharesError:
            usage = None
        return ShareView(server, share, usage, server.export_locations(share), size, state)


def _deletion(share: CifsShare, journal: Begun) -> DeleteShare:
    """The deletion of the share, which takes the place of an operation that was interrupted."""
    former = share.operation
    stage = former.stage if isinstance(former, DeleteShare) else DeleteStage.CLOSING
    others = tuple(ref for ref in share.refs if ref != share.volume.ref)
    return DeleteShare(**journal, share_id=share.id, stage=stage, others=others)
