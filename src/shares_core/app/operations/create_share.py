"""Creating a share."""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve, frozen

from shares_core.app.lifecycle.container import is_running
from shares_core.app.lifecycle.publish import ensure_folders
from shares_core.app.lifecycle.shares import fail_share, serve_again, unmount_share
from shares_core.app.operations.delete_share import remove_volume
from shares_core.app.operations.filling import copied
from shares_core.app.operations.work import ShareWork
from shares_core.domain.errors import BackendFailure, ShareDamaged
from shares_core.domain.operation import ShareOperation, ShareStatus
from shares_core.domain.share import Failure
from shares_core.domain.undo import undone_by
from shares_core.domain.volume import ShareVolume
from shares_core.ports.events import Event, EventKind
from shares_core.ports.storage import Volume, VolumeOwner


@frozen(kw_only=True)
class CreateShare(ShareOperation):
    """Undone: recovery removes the volume that was minted for it, unless it holds files.

    With a ``source``, a snapshot's volume, it holds what that holds, and is made to look like another file
    system.
    """

    kind: ClassVar[str] = "share.create"
    status: ClassVar[ShareStatus] = ShareStatus.CREATING
    whole: ClassVar[bool] = False

    source: ShareVolume | None = None

    def run(self, work: ShareWork) -> Volume:
        """Make, format or fill, and mount the volume, and return it."""
        ports, share = work.ports, work.share
        is_new = ports.storage.find_volume(share.volume.ref) is None
        volume, grown = self._made(work)
        work.checkpoint()
        # Looking for files in it would need the very device that is missing.
        with undone_by(lambda: ports.storage.remove_volume(share.volume.ref) if is_new else None):
            device = ports.storage.attach(share.volume.ref)
        if self.source is None:
            ports.filesystems.make(device, share.volume)
        else:
            if grown:
                former = evolve(share.volume, filesystem=self.source.filesystem)
                ports.filesystems.grow_unmounted(device, former, work.report)
                work.checkpoint()
            # Last: what has its own identity is complete.
            ports.filesystems.renew(device, share.volume, self.source.filesystem)
        work.checkpoint()
        with work.locked() as held:
            server = held.server
            ensure_folders(ports, server)
            ports.filesystems.mount(server.id, share.id, device, share.volume, server.uid)
            ports.filesystems.prepare_folder(
                server.id, share.id, share.folder, server.uid, case_fold=share.filesystem.case_fold
            )
            if not is_running(ports, server):
                unmount_share(ports, server, share)
            work.finish(held, server.with_share(share.ready()))
        return volume

    def _made(self, work: ShareWork) -> tuple[Volume, bool]:
        """The volume: new, or a copy of the source's; and whether the copy is larger."""
        storage, share = work.ports.storage, work.share
        owner = VolumeOwner(work.server.id, share.id)
        if self.source is None:
            return storage.ensure_volume(share.volume.ref, share.capacity, owner), False
        copy = copied(work, self.source, share.volume.ref)
        volume = storage.grow_volume(share.volume.ref, share.capacity)
        return volume, volume.size > copy.size

    def recover(self, work: ShareWork) -> None:
        """Remove the share, unless it was completely made.

        A share with files in it was, and its record comes from a former copy. It is kept, but nobody has
        access, because its rules are not known. So is a share with a known superblock and damage: after a
        repair a person can see what it holds.
        """
        ports = work.ports
        # The last save may have taken effect although it failed. After this nobody writes to the share, so
        # the look sees all that there is.
        work.withdraw(lambda held: held.save(held.server.with_share(work.share.beginning(self))))
        try:
            # Nobody has used the copy that this very call was making; it holds files from its beginning.
            used = _is_used(work) if self.source is None or work.interrupted else False
        except ShareDamaged as error:
            with work.locked() as held:
                failed = work.share.failed(Failure.damaged(error))
                work.finish(held, fail_share(ports, held.server, failed))
            return
        if not used:
            remove_volume(work)
            return
        ports.events.emit(
            Event.of_share(EventKind.SHARE_KEPT, work.server, work.share, "there are files in it")
        )
        with work.locked() as held:
            work.finish(held, serve_again(ports, held.server, work.share.ready()))


def _is_used(work: ShareWork) -> bool:
    """Whether it holds files; then it stays mounted. After an error it is not mounted."""
    ports, server, share = work.ports, work.server, work.share
    if ports.storage.find_volume(share.volume.ref) is None:
        return False
    device = ports.storage.attach(share.volume.ref)
    with undone_by(lambda: unmount_share(ports, server, share)):
        if not ports.filesystems.holds(device, share.volume):
            return False
        try:
            ensure_folders(ports, server)
            ports.filesystems.mount(server.id, share.id, device, share.volume, server.uid)
        except ShareDamaged:
            raise
        except BackendFailure:
            ports.filesystems.check(device, share.volume, work.report)  # raises ShareDamaged if it is damaged
            raise
        return ports.filesystems.has_files(server.id, share.id, share.folder)
