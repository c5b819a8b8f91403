"""The file systems on volumes, and where they are mounted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from shares_core.domain.capacity import Capacity
from shares_core.domain.views import Usage
from shares_core.domain.volume import ShareVolume
from shares_core.ports.progress import Report, unreported


class FileSystems(ABC):
    """Make, mount, grow and measure. A share's mount is named by its server's id and its own.

    What a killed caller has begun on a device may still be at work. ``mount``, ``check``, ``examine``,
    ``repair`` and ``grow_unmounted`` wait for that a moment, and then raise BackendFailure: nothing else is
    begun meanwhile. The last four report how far the tool that reads the whole file system has come, if it
    tells that.
    """

    @abstractmethod
    def make(self, device: str, volume: ShareVolume) -> None:
        """Make the file system on a new volume, of whose zeros no more is assumed than its traits promise.

        Idempotent. Raises Conflict, and writes nothing, where the device is seen to hold anything else: a
        known signature, or any byte in its first two MiB and its last. Half-done leaves a volume that must be
        removed: only the call that minted it may make its file system.
        """

    @abstractmethod
    def require_mounting(self) -> None:
        """Raise HostNotReady if this host cannot mount a share for any server. Cheap; changes nothing."""

    @abstractmethod
    def mount(self, server_id: str, share_id: str, device: str, volume: ShareVolume, uid: int) -> None:
        """Mount the file system where the server's container sees it, safely (``nosuid,nodev,noexec``...).

        There, what the volume's owner owns on disk is ``uid``'s, the server's, and what ``uid`` makes is the
        owner's on disk. Root is root; whatever a third user owns is nobody's.

        Idempotent. Raises ShareFailed, and mounts nothing, if the device does not hold exactly this file
        system, or another device is mounted in its place, or this one with other owners; ShareDamaged if the
        kernel found it damaged and nobody has checked it since; HostNotReady as ``require_mounting`` does;
        BackendFailure if the server has no folders, or the device is write-protected. A device is mounted for
        one share only. Half-done leaves an empty mount point.
        """

    @abstractmethod
    def holds(self, device: str, volume: ShareVolume) -> bool:
        """Whether the device holds exactly this file system, made to its end; it may be damaged since.

        Raises BackendFailure where there is no such device.
        """

    @abstractmethod
    def prepare_folder(self, server_id: str, share_id: str, folder: str, uid: int) -> None:
        """Make the folder that is served, inside the mounted file system, where ``uid`` owns it. Idempotent.

        Raises BackendFailure where the file system is not mounted. Half-done leaves a folder of root's.
        """

    @abstractmethod
    def has_folder(self, server_id: str, share_id: str, folder: str) -> bool:
        """Whether the folder that is served is in the mounted file system: a repair may have moved it.

        Raises BackendFailure where the file system is not mounted or cannot be read.
        """

    @abstractmethod
    def has_files(self, server_id: str, share_id: str, folder: str) -> bool:
        """Whether more is in the mounted file system than a new share has, which is its ``folder``, empty.

        What a repair has moved counts too. Raises as ``has_folder`` does.
        """

    @abstractmethod
    def unmount(self, server_id: str, share_id: str) -> None:
        """Unmount, waiting for the last open file to be closed, and remove the mount point. Idempotent.

        Raises BackendFailure, still mounted, where something holds it for too long. Never lazy.
        """

    @abstractmethod
    def unmount_scratch(self, volume: ShareVolume) -> None:
        """Unmount what a killed check or growing has left mounted where nobody is served from. Idempotent.

        Until then its volume cannot be detached. Raises as ``unmount`` does.
        """

    @abstractmethod
    def mounted(self, server_id: str, share_id: str) -> bool:
        """Whether the share's file system is mounted."""

    @abstractmethod
    def troubles(
        self, wanted: Mapping[tuple[str, str], tuple[str, ShareVolume]]
    ) -> Mapping[tuple[str, str], str]:
        """What keeps mounted file systems from being used, in a few words each; of the others nothing.

        ``wanted`` are the devices and volumes of shares, by the ids of server and share. One is not mounted,
        another is in its place, the server's user does not own its files there, the kernel found it damaged
        and writes no more, or it cannot be looked at.
        """

    @abstractmethod
    def list(self) -> tuple[tuple[str, str], ...]:
        """What is mounted, by the ids of its server and share."""

    @abstractmethod
    def usage(self, server_id: str, share_id: str) -> Usage | None:
        """The mounted file system's figures, or None where it is not mounted."""

    @abstractmethod
    def grow_mounted(self, server_id: str, share_id: str, device: str, volume: ShareVolume) -> None:
        """Grow the mounted file system to its device's size. Idempotent.

        Raises OnlineGrowRefused, and changes nothing, where the kernel does not do it; ShareFailed as
        ``mount`` does; BackendFailure where it is not mounted. Half-done leaves a whole file system of any
        size up to the device's.
        """

    @abstractmethod
    def grow_unmounted(self, device: str, volume: ShareVolume, report: Report = unreported) -> None:
        """Check and grow the unmounted file system to its device's size. Idempotent.

        Raises as ``check`` does, and BackendFailure; whether it has grown is then for ``size`` to say.
        Half-done leaves a file system of any size up to the device's, and no mount before a ``check``.
        """

    @abstractmethod
    def check(self, device: str, volume: ShareVolume, report: Report = unreported) -> None:
        """Make the unmounted file system whole after a growing that was broken off. Idempotent.

        What a journal holds is written, so that ``size`` tells what was reached, and what can be counted or
        copied from the rest. Raises ShareDamaged, and writes nothing, where more is needed: even ``fsck -p``
        removes names; ShareFailed as ``mount`` does; BackendFailure where it is mounted.
        """

    @abstractmethod
    def examine(self, device: str, volume: ShareVolume, report: Report = unreported) -> str:
        """What a thorough look at the unmounted file system finds damaged; empty where it is whole.

        Writes what a journal holds, copies of the superblock, and that a whole one was checked; nothing else.
        Raises as ``check`` does where it is mounted or not there.
        """

    @abstractmethod
    def repair(self, device: str, volume: ShareVolume, report: Report = unreported) -> str:
        """Repair the unmounted file system, at the price of what is in damaged parts; gives what was said.

        Only ever a person's decision. Idempotent. Raises as ``check`` does; ShareDamaged where it cannot be
        repaired, and once where it got smaller by it. Half-done leaves one that has to be repaired again.
        """

    @abstractmethod
    def size(self, device: str, volume: ShareVolume) -> Capacity:
        """How far into the device the file system reaches, mounted or not.

        Raises ShareFailed where the device does not hold exactly this file system.
        """
