"""Pools and volumes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import frozen

from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import ShareFailed
from shares_core.domain.views import PoolView


@frozen
class VolumeOwner:
    """Whose a volume is, by the ids of its server and share: a pool that can keep it tells it without us."""

    server_id: str
    share_id: str


@frozen
class Volume:
    """A volume as the pool has it. ``size`` may exceed what was asked for, to the pool's granularity."""

    id: str
    size: Capacity


class BlockStorage(ABC):
    """One pool of volumes. It has an identity: a folder or group that is not it is never an empty pool."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the pool usable: the first time it gets its identity, later that is checked.

        Idempotent. Raises HostNotReady where the pool that this installation knows is not there.
        """

    @abstractmethod
    def pool(self) -> PoolView:
        """The pool's figures, also before it was first used. Raises HostNotReady.

        ``free`` is what one more volume may have: in an overprovisioned pool its whole size, however much
        was promised.
        """

    @abstractmethod
    def ensure_volume(self, volume_id: str, size: Capacity, owner: VolumeOwner) -> Volume:
        """Make a volume of at least ``size``, its space reserved, that holds nothing which looks like data.

        It reads as zeros at both its ends, and in most pools between them too: what the file systems that are
        made on volumes may assume is settled where the two are composed.
        Idempotent. Raises Conflict where it exists in another size, NoCapacity where it does not fit,
        HostNotReady where the pool is not there. Half-done may leave the volume with whatever its space held:
        whoever minted the id removes it.
        """

    @abstractmethod
    def find_volume(self, volume_id: str) -> Volume | None:
        """The volume, or None. Raises HostNotReady where the pool is not there."""

    @abstractmethod
    def grow_volume(self, volume_id: str, size: Capacity) -> Volume:
        """Make the volume at least ``size``, and its device if it is attached. It never shrinks one.

        Idempotent, and reserves the space of what a half-done call left. Raises NoCapacity and leaves the
        volume as it was; ShareFailed where it is not there. Half-done leaves a larger volume.
        """

    @abstractmethod
    def cut_volume(self, volume_id: str, size: Capacity) -> None:
        """Give back what lies beyond ``size``: the caller has shown that no file system reaches there.

        Idempotent. Raises ShareFailed where the volume is not there. Half-done leaves the larger volume.
        """

    @abstractmethod
    def attach(self, volume_id: str) -> str:
        """The path of the volume's block device, made if need be. Idempotent.

        Raises ShareFailed where the volume is not there.
        """

    @abstractmethod
    def attached(self, volume_id: str) -> bool:
        """Whether the volume has its block device, one that answers.

        Raises HostNotReady where the device is another pool's.
        """

    @abstractmethod
    def detach(self, volume_id: str) -> None:
        """Take the volume's block device away, once nothing has it mounted. Idempotent.

        Raises BackendFailure where it is still in use.
        """

    @abstractmethod
    def remove_volume(self, volume_id: str) -> None:
        """Remove the volume and what it holds, and what a half-done making left. Idempotent.

        Detaches it first; no later volume shows what it held. Raises HostNotReady where the pool is not
        there: that is not a volume that is gone; BackendFailure, with the volume still there, where it is in
        use.
        """

    @abstractmethod
    def list(self) -> tuple[Volume, ...]:
        """Every volume in the pool; none before its first use. Raises HostNotReady."""


def require_volume(storage: BlockStorage, volume_id: str) -> Volume:
    """The volume. Raises ShareFailed where it is not there, else as ``find_volume``."""
    volume = storage.find_volume(volume_id)
    if volume is None:
        raise ShareFailed(
            f"volume {volume_id} is missing from the pool",
            hint="'shares-core pool show' tells which pool that is; restore the volume from a backup, or "
            "delete the share",
        )
    return volume
