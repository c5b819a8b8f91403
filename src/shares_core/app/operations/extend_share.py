"""Extending a share: online if the kernel allows it, otherwise with a short interruption."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from attrs import evolve, frozen

from shares_core.app.lifecycle.container import is_running
from shares_core.app.lifecycle.shares import fail_share, failure_of, mount_share, serve_again
from shares_core.app.operations.work import ShareWork
from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import BackendFailure, Conflict, OnlineGrowRefused, ShareFailed
from shares_core.domain.operation import ShareOperation, ShareStatus
from shares_core.domain.remedy import Parameter, Remedy
from shares_core.domain.share import CifsShare
from shares_core.domain.views import ExtendWay
from shares_core.ports.storage import Volume


class ExtendStage(StrEnum):
    """The stages of an extension."""

    #: The volume grows; the file system has not changed.
    VOLUME = "volume"
    #: The file system grows while it is served.
    MOUNTED = "mounted"
    #: The file system is withdrawn from its clients, and grows.
    UNMOUNTED = "unmounted"


@frozen
class Extended:
    """How a share got larger, and its volume; None if that is not known."""

    way: ExtendWay
    volume: Volume | None


@frozen(kw_only=True)
class ExtendShare(ShareOperation):
    """Carried on if the file system has begun to grow beyond ``volume_before``, otherwise undone.

    ``volume_before`` is the volume's former size, which the pool may have rounded up. ``online_only`` means
    that it is undone if its clients had to be disconnected, unless its caller dies while it grows.
    """

    kind: ClassVar[str] = "share.extend"
    status: ClassVar[ShareStatus] = ShareStatus.EXTENDING

    before: Capacity
    after: Capacity
    volume_before: Capacity
    stage: ExtendStage = ExtendStage.VOLUME
    online_only: bool = False

    @property
    def serves(self) -> bool:
        return self.stage is not ExtendStage.UNMOUNTED

    @property
    def no_return(self) -> str:
        return "" if self.stage is ExtendStage.VOLUME else "its file system is growing"

    def run(self, work: ShareWork) -> Extended:
        """Grow the share. Returns how it grew, with its volume."""
        extended = self._grow(work)
        self._conclude(work, finished=True, interrupted=False)
        if work.share.require_ready().capacity != self.after:
            raise BackendFailure(
                f"the file system of share {work.share.name.value!r} did not grow, although nothing failed",
                hint="a file system cannot grow by only a few blocks: ask for more",
            )
        return extended

    def salvaged(self, work: ShareWork) -> Extended | None:
        """The share may have grown before the error, and be served by now."""
        share = work.share
        grown = share.status is ShareStatus.READY and share.capacity == self.after
        return Extended(ExtendWay.OFFLINE, None) if grown else None

    def _grow(self, work: ShareWork) -> Extended:
        ports, share = work.ports, work.share
        volume = ports.storage.grow_volume(share.volume.ref, self.after)
        device = ports.storage.attach(share.volume.ref)
        if ports.filesystems.mounted(work.server.id, share.id):
            self._enter(work, ExtendStage.MOUNTED)
            try:
                ports.filesystems.grow_mounted(work.server.id, share.id, device, share.volume)
            except OnlineGrowRefused as refusal:
                if self.online_only:
                    raise Conflict(
                        f"share {share.name.value!r} cannot grow while clients use it: {refusal.message}",
                        hint=Remedy.of(
                            "extend it without ",
                            Parameter("online_only"),
                            ", which disconnects its clients for a moment; an xfs grows online",
                        ),
                    ) from refusal
                self._withdraw(work)
            else:
                return Extended(ExtendWay.ONLINE, volume)
        else:
            self._enter(work, ExtendStage.UNMOUNTED)
        ports.filesystems.grow_unmounted(device, share.volume, work.report)
        return Extended(ExtendWay.OFFLINE, volume)

    def _enter(self, work: ShareWork, stage: ExtendStage) -> None:
        with work.locked() as held:
            work.advance(held, evolve(self, stage=stage))

    def _withdraw(self, work: ShareWork) -> None:
        work.withdraw(lambda held: work.advance(held, evolve(self, stage=ExtendStage.UNMOUNTED)))

    def recover(self, work: ShareWork) -> None:
        """Serve the share again with the size that its file system really has.

        If the file system had begun to grow, it is grown completely; otherwise the volume returns the space
        that it gained. A mounted file system that a killed caller began to grow may still be growing, and its
        volume must not be cut below it: only one that could be unmounted is idle.
        """
        mounted = work.ports.filesystems.mounted(work.server.id, work.share.id)
        if work.interrupted and mounted and self.stage is not ExtendStage.VOLUME:
            volume = work.ports.storage.find_volume(work.share.volume.ref)
            if volume is not None and volume.size > self.volume_before:
                self._withdraw(work)
        self._conclude(work, finished=None, interrupted=True)

    def _conclude(self, work: ShareWork, *, finished: bool | None, interrupted: bool) -> None:
        """Find out which size was reached, fit the volume to it, and serve the share again.

        ``interrupted`` means that a step may be half-done: the file system is made whole before it is
        mounted.
        """
        ports, share = work.ports, work.share
        try:
            device = ports.storage.attach(share.volume.ref)
            if finished is None:
                finished = self._finished(work, device)
            reached = ports.filesystems.size(device, share.volume)
        except ShareFailed as error:
            self._fail(work, error)
            return
        if reached < self.after and reached <= self.volume_before:
            # The volume may have been larger than the record said, or than was requested.
            ports.storage.cut_volume(share.volume.ref, self.volume_before)
            capacity = self.before
        elif finished:
            capacity = self.after
        else:
            ports.storage.cut_volume(share.volume.ref, reached)
            capacity = reached
        self._serve(work, capacity, interrupted=interrupted)

    def _serve(self, work: ShareWork, capacity: Capacity, *, interrupted: bool) -> None:
        ports = work.ports
        with work.locked() as held:
            share = evolve(work.share.ready(), capacity=capacity)
            if not interrupted and self._was_served(work) and is_running(ports, held.server):
                work.finish(held, held.server.with_share(share))
            else:
                work.finish(held, serve_again(ports, held.server, share))

    @staticmethod
    def _was_served(work: ShareWork) -> bool:
        """Whether it was served all the time."""
        return work.share.operation is not None and work.share.operation.serves

    def _fail(self, work: ShareWork, error: ShareFailed) -> None:
        """Leave the rest to later calls; after a check if it is damaged.

        A share that has lost its volume must not block the server's other shares.
        """
        with work.locked() as held:
            stuck = work.share.stuck(failure_of(error))
            held.save(fail_share(work.ports, held.server, stuck))

    def _finished(self, work: ShareWork, device: str) -> bool:
        """Make the file system whole, and grow it completely if it had begun to grow.

        Returns whether it is complete. A mounted file system is whole even before that, and stays served.
        """
        filesystems, share = work.ports.filesystems, work.share
        mounted = filesystems.mounted(work.server.id, share.id)
        if mounted:
            mount_share(work.ports, work.server, share)  # raises if it is damaged: its size may be wrong
        else:
            filesystems.check(device, share.volume, work.report)
        if filesystems.size(device, share.volume) <= self.volume_before:
            return True  # it had not begun
        if not mounted:
            filesystems.grow_unmounted(device, share.volume, work.report)
            return True
        try:
            filesystems.grow_mounted(work.server.id, share.id, device, share.volume)
        except OnlineGrowRefused:
            return True  # it had grown unmounted before, and was mounted after that
        except ShareFailed:
            raise
        except BackendFailure:
            return False
        return True


def unfinished(share: CifsShare) -> ExtendShare | None:
    """The share's extension that could not be recovered yet, or None."""
    operation = share.operation
    return operation if isinstance(operation, ExtendShare) else None
