"""What reverting and shrinking a share have in common: another volume takes the place of its own."""

from __future__ import annotations

from abc import abstractmethod

from attrs import evolve, frozen

from shares_core.app.lifecycle.publish import ensure_folders
from shares_core.app.lifecycle.shares import fail_share, mount_share, serve_again
from shares_core.app.operations.work import ShareWork
from shares_core.domain.capacity import Capacity
from shares_core.domain.operation import ShareOperation
from shares_core.domain.share import CifsShare
from shares_core.domain.volume import VolumeRef


@frozen(kw_only=True)
class ReplaceVolume(ShareOperation):
    """The share gets the ``new`` volume, once that is complete; then its ``former`` one is removed.

    Undone until the record names the new volume; from there it only goes forward. ``capacity`` is what the
    share has then.
    """

    new: VolumeRef
    former: VolumeRef
    capacity: Capacity
    switched: bool = False

    @property
    def no_return(self) -> str:
        return "what it held is being removed" if self.switched else ""

    @property
    def volumes(self) -> tuple[VolumeRef, ...]:
        return (self.new, self.former)

    @abstractmethod
    def fill(self, work: ShareWork) -> None:
        """Make the new volume and its file system; the share is not mounted meanwhile. May be half-done."""

    def run(self, work: ShareWork) -> None:
        ports = work.ports
        work.withdraw()
        work.checkpoint()
        self.fill(work)
        with work.locked() as held:
            replaced = self._replaced(work.share)
            # What cannot be mounted must not replace what the share holds.
            ensure_folders(ports, held.server)
            mount_share(ports, held.server, replaced)
            work.advance(held, evolve(self, switched=True), becoming=replaced)
        self._conclude(work)

    def recover(self, work: ShareWork) -> None:
        """Go back to the former volume, unless the record names the new one, or there is no other.

        A share that was damaged stays so until it has its new volume.
        """
        ports = work.ports
        work.withdraw()  # which reads the record: the last save may have taken effect although it failed
        if work.share.volume.ref != self.new and self._is_the_only_one(work):
            self.require_complete(work)
            with work.locked() as held:
                replaced = self._replaced(work.share)
                work.advance(held, evolve(self, switched=True), becoming=replaced)
        if work.share.volume.ref == self.new:
            self._conclude(work)
            return
        ports.filesystems.unmount_scratch(evolve(work.share.volume, ref=self.new))
        ports.storage.remove_volume(self.new)
        with work.locked() as held:
            failure = work.share.failure if work.share.damaged else work.noticed
            if failure is not None:
                server = fail_share(ports, held.server, work.share.failed(failure))
            else:
                server = serve_again(ports, held.server, work.share.ready())
            work.finish(held, server)

    def require_complete(self, work: ShareWork) -> None:
        """Raise ShareFailed unless the new volume holds all that it is to hold.

        Only its name is known; unless overridden, it gets that last.
        """

    def _is_the_only_one(self, work: ShareWork) -> bool:
        """Whether only the new volume is there: then the record comes from a former copy."""
        storage = work.ports.storage
        return storage.find_volume(self.former) is None and storage.find_volume(self.new) is not None

    def _replaced(self, share: CifsShare) -> CifsShare:
        return evolve(share, volume=evolve(share.volume, ref=self.new), capacity=self.capacity)

    def _conclude(self, work: ShareWork) -> None:
        ports = work.ports
        ports.filesystems.unmount_scratch(evolve(work.share.volume, ref=self.former))
        ports.storage.remove_volume(self.former, work.report)
        with work.locked() as held:
            work.finish(held, serve_again(ports, held.server, work.share.ready()))
