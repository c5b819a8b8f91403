"""What an operation works with: its server while the lock is held, its share while the slot is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from attrs import define, field

from shares_core.app.lifecycle.publish import publish
from shares_core.domain.errors import Cancelled, NotFound
from shares_core.domain.names import UserName
from shares_core.domain.operation import ServerOperation, ShareOperation
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare, Failure
from shares_core.domain.undo import undone_by
from shares_core.domain.views import RunState
from shares_core.ports import Ports
from shares_core.ports.progress import Report


@define
class ServerWork:
    """One server while its lock is held.

    ``server`` is what its record says now; ``found`` is its container's state when the lock was taken,
    unknown if nobody looked. ``recovered`` means that an interrupted operation was recovered. ``hashes`` are
    of passwords that an operation will set: they are in no record.
    """

    ports: Ports
    server: ShareServer
    found: RunState = RunState.UNKNOWN
    recovered: bool = False
    hashes: Mapping[UserName, PasswordHash] = field(factory=dict)

    @property
    def operation(self) -> ServerOperation | None:
        return self.server.operation

    def save(self, server: ShareServer) -> ShareServer:
        """Write the record and continue with it."""
        self.ports.records.save(server)
        self.server = server
        return server

    def save_or_restore(self, server: ShareServer) -> None:
        """Save it; after an error, save the former record again: a failed save may have taken effect."""
        before = self.server
        with undone_by(lambda: self.save(before)):
            self.save(server)

    def journal(self, operation: ServerOperation, server: ShareServer | None = None) -> None:
        """Record that the operation begins, with the change of ``server``, which only goes forward."""
        self.save_or_restore((server or self.server).performing(operation))

    def finish(self, server: ShareServer) -> None:
        """Record the result of the operation, and that it has ended."""
        self.save(server.performing(None))

    def report_part(self, before: int, size: int, whole: int) -> Report:
        """A report for one of several steps, which is ``size`` of the ``whole``."""

        def report(done: int, total: int) -> None:
            if self.operation is not None and total:
                self.ports.progress.report(self.operation.id, before + size * done // total, whole)

        return report


@define
class ShareWork:
    """One share while its slot is held. Its server's lock is held only within ``locked``.

    ``interrupted`` means that another caller began the operation: its commands may still be at work.
    """

    ports: Ports
    server: ShareServer
    share: CifsShare
    found: RunState = RunState.UNKNOWN
    interrupted: bool = True
    recovering: bool = False
    #: Damage that the operation has found: recovery must not forget it if recording it failed.
    noticed: Failure | None = None

    @property
    def operation(self) -> ShareOperation | None:
        return self.share.operation

    @property
    def spares_share(self) -> bool:
        """Whether the share stays served although its operation cannot be recovered."""
        return self.operation is not None and self.operation.spares_share

    @contextmanager
    def locked(self) -> Iterator[ServerWork]:
        """Hold the server's lock for a brief step, with what its record says by now. Raises Busy."""
        with self.ports.locks.server(self.server.id):
            server = self.ports.records.load(self.server.id)
            if server is None or server.share_by_id(self.share.id) is None:
                raise NotFound("share", str(self.share.name), where=f"server {self.server.name.value!r}")
            held = ServerWork(self.ports, server, self.found)
            self._refresh(server)
            yield held
            self._refresh(held.server)

    def _refresh(self, server: ShareServer) -> None:
        self.server = server
        self.share = server.share_by_id(self.share.id) or self.share

    def journal(self, held: ServerWork, operation: ShareOperation) -> None:
        """Record that the operation begins; its server's lock is held."""
        held.save_or_restore(held.server.with_share(self.share.beginning(operation)))
        self._refresh(held.server)
        self.interrupted = False

    def advance(
        self,
        held: ServerWork,
        operation: ShareOperation,
        failure: Failure | None = None,
        *,
        becoming: CifsShare | None = None,
    ) -> None:
        """Record the operation's next stage, what the share has become, and a failure found on the way.

        Raises Cancelled, and records nothing, if the operation was cancelled.
        """
        self._raise_if_cancelled()
        share = (becoming or self.share).advanced(operation)
        held.save(held.server.with_share(share if failure is None else share.stuck(failure)))
        self._refresh(held.server)

    def finish(self, held: ServerWork, server: ShareServer) -> None:
        """Record the result of the operation, which has cleared the share's slot or removed the share."""
        held.save_or_restore(server)
        if server.share_by_id(self.share.id) is None:
            self.share = self.share.ready()
            self.ports.locks.forget(self.share.id)
        else:
            self._refresh(server)

    def withdraw(self, first: Callable[[ServerWork], object] = lambda _: None) -> None:
        """Unpublish the share, close its clients' connections and unmount it. Idempotent.

        It is unpublished first, so that no client comes back. ``first`` records the reason, under the same
        lock.
        """
        with self.locked() as held:
            first(held)
            publish(self.ports, held.server)
        self.ports.smb_sessions.close_share(self.server, self.share.name)
        self.ports.filesystems.unmount(self.server.id, self.share.id)

    def fail(self, failure: Failure) -> None:
        """Record that the operation could not be recovered; later calls try again."""
        with self.locked() as held:
            held.save(held.server.with_share(self.share.stuck(failure)))

    def report(self, done: int, total: int) -> None:
        """Publish the progress of the present step."""
        if self.operation is not None:
            self.ports.progress.report(self.operation.id, done, total)

    def report_or_stop(self, done: int, total: int) -> None:
        """The same for a step that can be cancelled in the middle. Raises Cancelled."""
        self.report(done, total)
        self.checkpoint()

    def checkpoint(self) -> None:
        """Call this between two steps. Raises Cancelled if somebody has cancelled the operation."""
        server = self.ports.records.load(self.server.id)
        if server is not None:
            self._refresh(server)
        self._raise_if_cancelled()

    def _raise_if_cancelled(self) -> None:
        operation = self.share.operation
        if operation is None or self.recovering:
            return
        if operation.cancelled and not operation.no_return:
            raise Cancelled(
                f"{operation.kind} of share {self.share.name.value!r} was cancelled: what it did is undone"
            )
