"""Pools of logical volumes: what thick and thin volumes have in common."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable

from shares_core.adapters.linux.polling import wait_until
from shares_core.adapters.pools.lvm.commands import ALREADY_SO, lvm, read_group
from shares_core.adapters.pools.lvm.devices import (
    ActiveDevice,
    active_device,
    in_use,
    is_open,
    opened,
    path_of,
    zero_whole,
)
from shares_core.adapters.pools.lvm.identity import GroupIdentity
from shares_core.adapters.pools.lvm.report import LogicalVolume, VolumeGroup
from shares_core.adapters.pools.volume_pool import Fill, VolumePool
from shares_core.adapters.state.installation import Installation
from shares_core.domain.capacity import Capacity, round_up
from shares_core.domain.errors import BackendFailure, CommandFailed, Conflict, HostNotReady
from shares_core.domain.pools import (
    VolumeGroupName,
    device_name,
    is_volume_id,
    moment_name,
    unfinished_name,
    volume_name,
)
from shares_core.domain.remedy import HostTool, Remedy
from shares_core.domain.views import PoolView
from shares_core.domain.volume import DEFAULT_POOL, PoolName, VolumeTraits
from shares_core.ports.progress import Report, unreported
from shares_core.ports.storage import Volume, VolumeOwner

#: LVM's unit for sizes; it rounds them up to its extents.
_SECTOR = 512
_IN_USE_SECONDS = 5.0
_MARK = "shares-core"
_POOL = f"{_MARK}:pool:"
#: A thick volume reads what its extents held, except at its ends. A thin pool zeroes each new block.
THICK = VolumeTraits()
THIN = VolumeTraits(thin=True, zeroed=True, discards=True)


class LogicalVolumes(VolumePool):
    """Logical volumes of a volume group that others may use too.

    Each is named by the volume's id and tagged with its installation, pool, server and share, so that it can
    be identified without a record: ``lvs -o lv_name,lv_tags``. ``wipe`` overwrites a thick volume when it is
    removed, so that its extents keep no tenant's data.
    """

    def __init__(
        self,
        group: VolumeGroupName,
        installation: Installation,
        *,
        wipe: bool,
        name: PoolName = DEFAULT_POOL,
    ) -> None:
        super().__init__(name)
        self._group = str(group)
        self._installation = installation
        self._wipes = wipe
        self._identity = GroupIdentity(name, installation, self._group)

    # -- what differs

    @abstractmethod
    def _check_usable(self, group: VolumeGroup) -> None:
        """Raise HostNotReady if the group as it is cannot hold volumes."""

    @abstractmethod
    def _figures(self, group: VolumeGroup) -> PoolView:
        """What ``pool`` returns."""

    @abstractmethod
    def _create(self, name: str, size: int, marks: tuple[str, ...]) -> None:
        """Make the complete volume. Raises as ``ensure_volume`` does, and Conflict if its name is taken."""

    @abstractmethod
    def _extend(self, volume_id: str, size: int) -> None:
        """Make the volume larger. Raises as ``grow_volume`` does."""

    # -- the pool

    def prepare(self) -> VolumeTraits:
        if self._identity.is_active():  # it has a volume of ours, so it was usable
            return self.traits
        group = read_group(self._group)
        self._identity.check_read(group)
        self._check_usable(group)
        self._identity.establish(group)
        return self.traits

    def extend(self, size: Capacity) -> None:
        raise HostNotReady(
            f"the pool {self.name} is of logical volumes, and gets larger by LVM's own tools",
            hint=Remedy.of(self._larger, " adds to it"),
        )

    @property
    @abstractmethod
    def _larger(self) -> HostTool:
        """The command that makes the pool larger."""

    def pool(self) -> PoolView:
        group = read_group(self._group)
        self._identity.check_read(group)
        self._check_usable(group)
        return self._figures(group)

    def list(self) -> tuple[Volume, ...]:
        if not self._identity.exists():
            return ()
        named = (
            (volume.name.removeprefix(volume_name("")), volume)
            for volume in self._ours(self._identity.read())
        )
        return tuple(self._volume(key, volume) for key, volume in named if is_volume_id(key))

    def _ours(self, group: VolumeGroup) -> tuple[LogicalVolume, ...]:
        """This installation's volumes of this pool. Mints no identity, because readers call it."""
        known = self._installation.known_id()
        return tuple(
            volume
            for volume in group.volumes
            if known and _tag_of(known) in volume.tags and _pool_of(volume) == str(self.name)
        )

    # -- volumes

    def ensure_volume(self, volume_id: str, size: Capacity, owner: VolumeOwner) -> Volume:
        self._identity.check()
        wanted = round_up(size.bytes, _SECTOR)
        try:
            self._create(volume_name(volume_id), wanted, self._marks(owner))
        except Conflict:
            group = self._identity.read()
            existing = group.find(volume_name(volume_id))
            if existing is None:
                raise
            if existing.size != round_up(wanted, group.extent):
                there, asked = Capacity(existing.size), Capacity(wanted)
                raise Conflict(f"volume {volume_id} exists with {there}, not {asked}") from None
            return self._volume(volume_id, existing)
        return self._volume(volume_id, self._active(volume_name(volume_id)))

    def _marks(self, owner: VolumeOwner) -> tuple[str, ...]:
        """The options that tag a new volume with its installation, pool, server and share."""
        tags = (
            _tag_of(self._installation.id()),
            f"{_POOL}{self.name}",
            f"{_MARK}:server:{owner.server_id}",
            f"{_MARK}:share:{owner.share_id}",
        )
        return tuple(word for tag in tags for word in ("--addtag", tag))

    def readable(self, volume_id: str) -> str:
        return os.path.realpath(self.attach(volume_id))  # LVM's path is a link

    def filled(self, volume_id: str, size: Capacity, owner: VolumeOwner, fill: Fill) -> Volume:
        existing = self.find_volume(volume_id)
        if existing is not None:
            return existing
        self.remove_volume(volume_id)  # what a killed call has left
        name = unfinished_name(volume_id)
        self._create(name, round_up(size.bytes, _SECTOR), self._marks(owner))
        with opened(self._active(name).path) as descriptor:
            fill(descriptor, self.traits.zeroed)
        lvm("lvrename", self._group, name, volume_name(volume_id), group=self._group)
        return self._volume(volume_id, self._active(volume_name(volume_id)))

    def find_volume(self, volume_id: str) -> Volume | None:
        device = self._device(volume_name(volume_id))
        if device is not None:  # the kernel tells all that LVM would
            return self._volume(volume_id, device)
        volume = self._identity.read().find(volume_name(volume_id))
        return None if volume is None else self._volume(volume_id, volume)

    def grow_volume(self, volume_id: str, size: Capacity) -> Volume:
        self._identity.check()
        self._resized(volume_id, lambda: self._extend(volume_id, round_up(size.bytes, _SECTOR)))
        return self.require_volume(volume_id)

    def cut_volume(self, volume_id: str, size: Capacity) -> None:
        self._identity.check()
        wanted = f"{round_up(size.bytes, _SECTOR)}b"
        # --force: it would ask about lost data, which the caller has ruled out. While it waits for a lock it
        # must not outlive the caller: the next caller may have grown the volume again by then.
        argv = ("lvreduce", "--force", "--size", wanted, self._path(volume_id))
        self._resized(volume_id, lambda: lvm(*argv, group=self._group, outlives=False))

    def _resized(self, volume_id: str, resize: Callable[[], object]) -> None:
        """Resize it, or check that the device has the size that the volume already has."""
        try:
            resize()
        except CommandFailed as error:
            if not ALREADY_SO.search(error.output):
                raise
            if self._device(volume_name(volume_id)) is not None:
                self._run("lvchange", "--refresh", volume_id)

    def remove_volume(self, volume_id: str, report: Report = unreported) -> None:
        group = self._identity.read()
        names = (moment_name(volume_id), unfinished_name(volume_id), volume_name(volume_id))
        # LVM removes a volume with its thick snapshots, and wipes none of them.
        kept_moments = [volume for volume in group.volumes if volume.thick_origin == names[-1]]
        for volume in (*kept_moments, *filter(None, map(group.find, names))):
            self._remove(volume, report)

    def _remove(self, volume: LogicalVolume, report: Report = unreported) -> None:
        """Remove it, so that the next volume on its extents does not show what it holds.

        The volume's own kind counts, whatever the settings say now. A thin volume's blocks go back to its
        pool, which zeroes a block before anybody else reads it.
        """
        self._require_unused(volume.name)
        path = f"{self._group}/{volume.name}"
        if self._wipes and not volume.is_thin:
            if volume.thick_origin:  # zeros written to a snapshot would not be where its data is
                lvm("lvconvert", "--yes", "--splitsnapshot", path, group=self._group)
            zero_whole(self._activated(volume.name), report)
        lvm("lvremove", "--yes", path, group=self._group)

    def _require_unused(self, name: str) -> None:
        """Raise BackendFailure while somebody has its device open. Asked before removing anything.

        udev opens a device for a moment whenever somebody has written to it.
        """

        def unused() -> bool:
            device = self._device(name)
            return device is None or not is_open(device)

        if not wait_until(unused, _IN_USE_SECONDS):
            raise in_use(path_of(self._group, name))

    # -- devices

    def attach(self, volume_id: str) -> str:
        return self._activated(volume_name(volume_id))

    def _activated(self, name: str) -> str:
        """The path of the volume's device, which is made if need be."""
        device, path = self._device(name), f"{self._group}/{name}"
        if device is None:
            self._identity.check()
            lvm("lvchange", "--activate", "y", path, group=self._group)
        elif device.suspended:
            lvm("lvchange", "--refresh", path, group=self._group)
        return self._active(name).path

    def device(self, volume_id: str) -> str | None:
        device = self._device(volume_name(volume_id))
        return None if device is None or device.suspended else device.path

    def detach(self, volume_id: str) -> None:
        if self._device(volume_name(volume_id)) is not None:
            self._run("lvchange", "--activate", "n", volume_id)

    # -- helpers

    def _volume(self, volume_id: str, found: LogicalVolume | ActiveDevice) -> Volume:
        return Volume(self._ref(volume_id), Capacity(found.size), THIN if found.is_thin else THICK)

    def _device(self, name: str) -> ActiveDevice | None:
        """The volume's device, if it is active. Raises HostNotReady if it belongs to another group."""
        device = active_device(self._group, name)
        if device is not None and device.group_uuid != self._identity.kernel_uuid():
            self._identity.read()  # tells which group it is, unless LVM does not know the device
            raise HostNotReady(
                f"{device.path} is a device of another volume group of that name",
                hint=Remedy.of(
                    "deactivate it: ",
                    HostTool("dmsetup", ("remove", device_name(self._group, name))),
                ),
            )
        return device

    def _active(self, name: str) -> ActiveDevice:
        """The device of a volume that was just activated."""
        device = self._device(name)
        if device is None:
            raise BackendFailure(
                f"LVM activated {self._group}/{name}, but its device is not there",
                hint=Remedy.of(
                    "see whether udev works: ",
                    HostTool("udevadm", ("settle",)),
                    ", then ",
                    HostTool("lvscan"),
                ),
            )
        return device

    def _run(self, command: str, *arguments: str) -> None:
        """Run an LVM command whose last argument is a volume's id."""
        *options, volume_id = arguments
        lvm(command, *options, self._path(volume_id), group=self._group)

    def _path(self, volume_id: str) -> str:
        return f"{self._group}/{volume_name(volume_id)}"


def _pool_of(volume: LogicalVolume) -> str:
    """The name of its pool. Volumes from before pools had names belong to the default pool."""
    named = (tag.removeprefix(_POOL) for tag in volume.tags if tag.startswith(_POOL))
    return next(named, str(DEFAULT_POOL))


def _tag_of(installation: str) -> str:
    return f"{_MARK}:installation:{installation}"
