"""The file systems on volumes, and where they are mounted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from shares_core.domain.capacity import Capacity
from shares_core.domain.views import Usage
from shares_core.domain.volume import FileSystem, ShareVolume
from shares_core.ports.progress import Report, unreported


class FileSystems(ABC):
    """Make, mount, grow and measure file systems. A share's mount is named by its server's id and its own.

    A command that a killed caller began on a device may still be at work. ``mount``, ``check``, ``examine``,
    ``repair`` and ``grow_unmounted`` wait a moment for it to end, and then raise BackendFailure: nothing else
    starts meanwhile. The last four report the progress of the tool that reads the whole file system, if the
    tool reports it.
    """

    @abstractmethod
    def make(self, device: str, volume: ShareVolume) -> None:
        """Make the file system on a new volume, which is only as zeroed as its traits promise.

        Idempotent. Raises Conflict, and writes nothing, if the device holds anything else: a known signature,
        or any byte in its first two MiB or its last. Half-done leaves a volume that must be removed: only the
        call that minted it may make its file system.
        """

    @abstractmethod
    def renew(self, device: str, volume: ShareVolume, former: FileSystem) -> None:
        """Give a copy of the file system ``former``, which is not mounted, the identity of ``volume``.

        Takes no longer for a large one. Idempotent. Raises ShareFailed, and writes nothing, if the device
        holds neither; ShareDamaged if it is so damaged that its journal cannot be replayed. Half-done leaves
        one of the two.
        """

    @abstractmethod
    def require_mounting(self, *, case_fold: bool = False) -> None:
        """Raise HostNotReady if this host cannot mount a share for any server. Cheap; changes nothing.

        With ``case_fold`` also if its kernel cannot mount a file system that folds case.
        """

    @abstractmethod
    def mount(
        self,
        server_id: str,
        share_id: str,
        device: str,
        volume: ShareVolume,
        uid: int,
        *,
        read_only: bool = False,
    ) -> None:
        """Mount the file system where the server's container sees it, safely (``nosuid,nodev,noexec``...).

        A snapshot is mounted under its ``mount_id``, and ``read_only``.

        Through the mount, files that the volume's owner has on disk belong to ``uid``, the server's user, and
        the reverse. Root is root; what a third user owns belongs to nobody.

        Idempotent. Raises ShareFailed, and mounts nothing, if the device does not hold exactly this file
        system, or another device is mounted in its place, or this one with other owners; ShareDamaged if the
        kernel found it damaged and nobody has checked it since; HostNotReady as ``require_mounting`` does;
        BackendFailure if the server has no folders, or the device is write-protected. A device is mounted for
        one share only. Half-done leaves an empty mount point.
        """

    @abstractmethod
    def holds(self, device: str, volume: ShareVolume) -> bool:
        """Whether the device holds exactly this file system, completely made; it may be damaged by now.

        Raises BackendFailure if the device does not exist.
        """

    @abstractmethod
    def prepare_folder(
        self, server_id: str, share_id: str, folder: str, uid: int, *, case_fold: bool = False
    ) -> None:
        """Make the served folder, which ``uid`` owns, inside the mounted file system. Idempotent.

        With ``case_fold`` the folder, and all that is ever made in it, finds names in any case: the file
        system must have been made so. Raises BackendFailure if the file system is not mounted. Half-done
        leaves a folder that root owns.
        """

    @abstractmethod
    def has_folder(self, server_id: str, share_id: str, folder: str) -> bool:
        """Whether the served folder is in the mounted file system: a repair may have moved it.

        Raises BackendFailure if the file system is not mounted or cannot be read.
        """

    @abstractmethod
    def has_files(self, server_id: str, share_id: str, folder: str) -> bool:
        """Whether the mounted file system holds more than a new share, which has only its empty ``folder``.

        Files that a repair has moved count too. Raises as ``has_folder`` does.
        """

    @abstractmethod
    def unmount(self, server_id: str, share_id: str) -> None:
        """Unmount, waiting for the last open file to be closed, and remove the mount point. Idempotent.

        Raises BackendFailure, still mounted, if something uses it for too long. Never lazy.
        """

    @abstractmethod
    def unmount_scratch(self, volume: ShareVolume) -> None:
        """Unmount the scratch mount that a killed check or growing has left. Idempotent.

        Until then the volume cannot be detached. Raises as ``unmount`` does.
        """

    @abstractmethod
    def mount_point(self, server_id: str, share_id: str) -> str | None:
        """Where the share's file system is mounted on the host; None if it is not."""

    @abstractmethod
    def sync(self, server_id: str, share_id: str) -> None:
        """Write to the disk what is not there yet, if the file system is mounted. Idempotent."""

    @abstractmethod
    def pause_writing(self, server_id: str, share_id: str) -> None:
        """Make the file system read-only, if it is mounted, and whole on its disk. Idempotent.

        It can be read meanwhile. Raises BackendFailure, and changes nothing, if a file stays open for
        writing.
        """

    @abstractmethod
    def resume_writing(self, server_id: str, share_id: str) -> None:
        """Let writers go on, if the file system is mounted and was frozen, or paused. Idempotent.

        One that the kernel found damaged stays read-only.
        """

    @abstractmethod
    def mounted(self, server_id: str, share_id: str) -> bool:
        """Whether the share's file system is mounted."""

    @abstractmethod
    def troubles(
        self, wanted: Mapping[tuple[str, str], tuple[str, ShareVolume]]
    ) -> Mapping[tuple[str, str], str]:
        """What keeps mounted file systems from being used, in a few words each; nothing for the others.

        ``wanted`` are the devices and volumes of shares, by the ids of server and share. The trouble: it is
        not mounted, another is in its place, the server's user does not own its files there, the kernel found
        it damaged and no longer writes, or it cannot be read.
        """

    @abstractmethod
    def list(self) -> tuple[tuple[str, str], ...]:
        """The mounts, by the ids of server and share."""

    @abstractmethod
    def usage(self, server_id: str, share_id: str) -> Usage | None:
        """The mounted file system's figures, or None if it is not mounted."""

    @abstractmethod
    def grow_mounted(self, server_id: str, share_id: str, device: str, volume: ShareVolume) -> None:
        """Grow the mounted file system to its device's size. Idempotent.

        Raises OnlineGrowRefused, and changes nothing, if the kernel cannot do it; ShareFailed as ``mount``
        does; BackendFailure if it is not mounted. Half-done leaves a whole file system of any size up to the
        device's.
        """

    @abstractmethod
    def grow_unmounted(self, device: str, volume: ShareVolume, report: Report = unreported) -> None:
        """Check and grow the unmounted file system to its device's size. Idempotent.

        Raises as ``check`` does, and BackendFailure; ``size`` then tells whether it has grown. Half-done
        leaves a file system of any size up to the device's, which needs a ``check`` before a mount.
        """

    @abstractmethod
    def shrink(self, device: str, volume: ShareVolume, size: Capacity, report: Report = unreported) -> None:
        """Check and shrink the unmounted file system, so that a volume of ``size`` holds it. Idempotent.

        Raises WouldLoseData, and changes nothing, if what it holds does not fit, HostNotReady for an xfs,
        which cannot shrink, and as ``check`` does. Half-done may leave a file system that nobody can use:
        only a copy may be shrunk.
        """

    @abstractmethod
    def check(self, device: str, volume: ShareVolume, report: Report = unreported) -> None:
        """Make the unmounted file system whole after an interrupted growing. Idempotent.

        Replays the journal, so that ``size`` tells the size reached, and restores what can be counted or
        copied from the rest. Raises ShareDamaged, and writes nothing, if it needs more: even ``fsck -p``
        removes names; ShareFailed as ``mount`` does; BackendFailure if it is mounted.
        """

    @abstractmethod
    def examine(self, device: str, volume: ShareVolume, report: Report = unreported) -> str:
        """What a thorough look at the unmounted file system finds damaged; empty if it is whole.

        Writes only what the journal holds, copies of the superblock, and that a whole file system was
        checked. Raises as ``check`` does if it is mounted or missing.
        """

    @abstractmethod
    def repair(self, device: str, volume: ShareVolume, report: Report = unreported) -> str:
        """Repair the unmounted file system, and lose what is in damaged parts. Returns what the tool said.

        Only a person may decide this. Idempotent. Raises as ``check`` does; ShareDamaged if it cannot be
        repaired, and once if the repair made it smaller. Half-done leaves a file system that needs another
        repair.
        """

    @abstractmethod
    def size(self, device: str, volume: ShareVolume) -> Capacity:
        """The size of the file system on its device, mounted or not.

        Raises ShareFailed if the device does not hold exactly this file system.
        """
