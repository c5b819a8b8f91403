"""CIFS shares: create, show, list, extend, check, delete."""

from __future__ import annotations

from contextlib import suppress

from attrs import frozen

from shares_core.app.checking import examine, finish_checking, with_damage
from shares_core.app.growing import finish_growing, grow
from shares_core.app.registry import Held, Registry
from shares_core.app.removing import remove_share
from shares_core.app.serving import have_folders, unmount_share
from shares_core.app.settling import finish_removing
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import (
    AlreadyExists,
    BackendFailure,
    Conflict,
    InvalidInput,
    ShareDamaged,
    SharesError,
)
from shares_core.domain.intent import CheckShare, CreateShare, DeleteShare, ExtendShare
from shares_core.domain.names import ShareName
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.domain.undo import undone_by
from shares_core.domain.views import CheckView, ExtendView, ExtendWay, RunState, ShareView
from shares_core.domain.volume import DEFAULT_POOL, FileSystem, FileSystemKind, ShareVolume, VolumeRef
from shares_core.ports import Ports
from shares_core.ports.storage import Volume, VolumeOwner, require_volume

#: What a share is that can be checked.
_CHECKED = (ShareStatus.READY, ShareStatus.FAILED)


@frozen
class Shares:
    """The use cases about shares. Every one may raise HostNotReady, BackendFailure, Busy and NotFound."""

    _ports: Ports
    _registry: Registry

    def create(
        self,
        server: str,
        share: str,
        capacity: Capacity,
        filesystem: FileSystemKind = FileSystemKind.EXT4,
    ) -> ShareView:
        """Make a share of ``capacity``; nobody has access to it yet.

        Where the share exists and fits, it is returned as it is. Raises InvalidInput, AlreadyExists,
        NoCapacity; after any error nothing of a new share is left.
        """
        name = ShareName(share)
        filesystem = FileSystemKind.parse(filesystem)
        filesystem.check(capacity)
        with self._registry.hold(server) as held:
            existing = held.server.find_share(name)
            if existing is not None:
                same = _same(existing, name, capacity, filesystem)
                return self._view(held.server, same, self._volume_size(same), held.found)
            traits = self._ports.storage.prepare(DEFAULT_POOL)
            minted = CifsShare(
                id=self._ports.ids.new_id(),
                name=name,
                capacity=capacity,
                volume=ShareVolume(
                    filesystem=FileSystem(filesystem, self._ports.ids.new_uuid()),
                    ref=VolumeRef(DEFAULT_POOL, self._ports.ids.new_id()),
                    owner=held.server.uid,
                    traits=traits,
                ),
            )
            with undone_by(lambda: self._unmake(held, minted)):
                held.save(held.server.with_share(minted).intending(CreateShare(minted.id)))
                volume = self._make(held, minted)
                ready = minted.with_status(ShareStatus.READY)
                held.save(held.server.with_share(ready).intending(None))
            return self._view(held.server, ready, volume.size, held.found)

    def _make(self, held: Held, share: CifsShare) -> Volume:
        server = held.server
        storage, filesystems = self._ports.storage, self._ports.filesystems
        volume = storage.ensure_volume(share.volume.ref, share.capacity, VolumeOwner(server.id, share.id))
        device = storage.attach(share.volume.ref)
        filesystems.make(device, share.volume)
        have_folders(self._ports, server)
        filesystems.mount(server.id, share.id, device, share.volume, server.uid)
        filesystems.prepare_folder(server.id, share.id, share.folder, share.volume.owner)
        if held.found is not RunState.RUNNING:
            unmount_share(self._ports, server, share)
        return volume

    def _unmake(self, held: Held, share: CifsShare) -> None:
        held.save(held.server)  # the last save may have taken effect although it failed
        held.save(finish_removing(self._ports, held.server, share.id).intending(None))

    def show(self, server: str, share: str) -> ShareView:
        """The share as recorded, with what is used and free. Raises InvalidInput."""
        found = self._registry.find(server)
        shown = found.share(share)
        return self._view(found, shown, self._volume_size(shown))

    def list(self, server: str | None = None) -> tuple[ShareView, ...]:
        """The shares of one server, or of all, by the servers' names.

        Where no server is named, those whose records cannot be read are left out: ``Servers.list``
        names them.
        """
        if server is not None:
            servers: tuple[ShareServer, ...] = (self._registry.find(server),)
        else:
            servers = tuple(r for r in self._ports.records.load_all() if isinstance(r, ShareServer))
        sizes = self._volume_sizes()
        return tuple(
            self._view(found, share, sizes.get(share.volume.ref))
            for found in servers
            for share in found.shares
        )

    def extend(self, server: str, share: str, capacity: Capacity) -> ExtendView:
        """Make the share larger, online where the kernel allows it.

        Where it does not, the share's clients are disconnected, the file system is checked and grown, and
        the share is served again. Raises InvalidInput (smaller than now), NoCapacity, ShareFailed; where a
        step fails the share is served in its old size.
        """
        with self._registry.hold(server) as held:
            found = held.server.share(share).require_ready()
            found.filesystem.kind.check(capacity)
            if capacity == found.capacity:
                unchanged = self._view(held.server, found, self._volume_size(found), held.found)
                return ExtendView(unchanged, ExtendWay.UNCHANGED)
            if capacity < found.capacity:
                raise InvalidInput(
                    f"share {share!r} has {found.capacity}, more than {capacity}",
                    hint="extend only makes a share larger",
                )
            volume = require_volume(self._ports.storage, found.volume.ref)
            intent = ExtendShare(found.id, found.capacity, capacity, volume.size)
            held.save(held.server.intending(intent))
            way, size = self._extend(held, found, intent)
            extended = held.server.share(share)
            return ExtendView(self._view(held.server, extended, size, held.found), way)

    def _extend(self, held: Held, share: CifsShare, intent: ExtendShare) -> tuple[ExtendWay, Capacity | None]:
        """Grow, and serve the share again in whichever size it came out; gives its volume's size too."""
        try:
            grown = grow(self._ports, held.server, share, intent)
        except SharesError as error:
            self._finish_failed(held, intent, error)
            if held.server.share(share.name).require_ready().capacity != intent.after:
                raise
            # It had grown before the error, and serves since.
            return ExtendWay.OFFLINE, self._volume_size(share)
        held.save(finish_growing(self._ports, held.server, intent, interrupted=False).intending(None))
        if held.server.share(share.name).require_ready().capacity != intent.after:
            raise BackendFailure(
                f"the file system of share {share.name.value!r} did not grow, although nothing failed",
                hint="a file system cannot grow by only a few blocks: ask for more",
            )
        return grown.way, grown.volume.size

    def _finish_failed(self, held: Held, intent: ExtendShare, error: SharesError) -> None:
        try:
            held.save(finish_growing(self._ports, held.server, intent).intending(None))
        except SharesError as failure:
            error.add_note(
                f"serving the share again failed too, and will be tried by the next call: {failure}"
            )

    def delete(self, server: str, share: str) -> None:
        """Remove the share and its data, disconnecting whoever uses it.

        It only goes forward: after an error, calling again carries on. Raises InvalidInput.
        """
        with self._registry.hold(server) as held:
            found = held.server.share(share)
            self._ports.storage.find_volume(found.volume.ref)  # raises where the pool is not there
            deleting = found.with_status(ShareStatus.DELETING)
            held.save(held.server.with_share(deleting).intending(DeleteShare(found.id)))
            held.save(remove_share(self._ports, held.server, deleting).intending(None))

    def check(self, server: str, share: str, *, repair: bool = False) -> CheckView:
        """Look at the share's file system thoroughly; its clients are disconnected for the while.

        A whole one is served again, also where the share was failed; a damaged one makes the share failed,
        with what was found. With ``repair`` that is repaired, at the price of what is in damaged parts: take
        a copy of the volume first. An extension that damage has kept from its end is finished by the next
        start or reconcile. Raises InvalidInput, ShareFailed for a share that is not made, extended or deleted
        to the end or that has lost its volume, and ShareDamaged where it cannot be repaired. Idempotent.
        """
        with self._registry.hold(server) as held:
            found = held.server.share(share)
            if found.status not in _CHECKED or (found.unfinished is not None and not found.damaged):
                found.require_ready()
            held.save(held.server.intending(CheckShare(found.id)))
            damage, said = self._examined(held, found, repair=repair)
            held.save(finish_checking(self._ports, held.server, found.id, damage).intending(None))
            checked = held.server.share(share)
            view = self._view(held.server, checked, self._volume_size(checked), held.found)
            return CheckView(view, damage, said)

    def _examined(self, held: Held, share: CifsShare, *, repair: bool) -> tuple[str, str]:
        """What is damaged still, and what a repair said."""
        damage = ""
        try:
            damage = examine(self._ports, held.server, share)
            if not (damage and repair):
                return damage, ""
            # A repair that is broken off must not come to be served.
            held.save(held.server.with_share(with_damage(share, damage)))
            device = self._ports.storage.attach(share.volume.ref)
            return "", self._ports.filesystems.repair(device, share.volume)
        except SharesError as error:
            told = str(error) if isinstance(error, ShareDamaged) else damage or None
            with suppress(SharesError):  # else the next call settles it
                held.save(finish_checking(self._ports, held.server, share.id, told).intending(None))
            raise

    def _volume_sizes(self) -> dict[VolumeRef, Capacity]:
        """Of all volumes: one look at each pool, however many shares are listed."""
        sizes: dict[VolumeRef, Capacity] = {}
        for pool in self._ports.storage.pools():
            with suppress(SharesError):  # the shares' other properties are known all the same
                sizes.update((volume.ref, volume.size) for volume in self._ports.storage.list(pool))
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


def _same(existing: CifsShare, name: ShareName, capacity: Capacity, kind: FileSystemKind) -> CifsShare:
    if existing.status in (ShareStatus.DELETING, ShareStatus.CREATING):
        raise Conflict(
            f"share {existing.name.value!r} is {existing.status}: {existing.reason}",
            hint="'shares-core reconcile' tries again; 'share delete' removes it, and whatever is in it",
        )
    if existing.name != name:
        raise AlreadyExists(
            "share",
            str(existing.name),
            f"{name} differs from it in case only, which SMB does not tell apart",
            hint=f"name {existing.name}, or choose another name",
        )
    if (existing.capacity, existing.filesystem.kind) != (capacity, kind):
        only_larger = existing.filesystem.kind is kind and existing.capacity < capacity
        raise AlreadyExists(
            "share",
            str(existing.name),
            f"it has {existing.capacity} with {existing.filesystem.kind}, not {capacity} with {kind}",
            hint="'shares-core share extend' makes it larger" if only_larger else "choose another name",
        )
    return existing
