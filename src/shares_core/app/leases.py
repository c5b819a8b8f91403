"""Finding servers by name, and holding a server or a share while working on it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress

from attrs import frozen

from shares_core.app.lifecycle.container import run_state
from shares_core.app.operations.create_share import CreateShare
from shares_core.app.operations.perform import recover
from shares_core.app.operations.work import ServerWork, ShareWork
from shares_core.domain.errors import Busy, NotFound, SharesError
from shares_core.domain.names import ServerName, ShareName
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.ports import Ports


@frozen
class Leases:
    """The servers of this host, by name."""

    ports: Ports

    def find(self, name: str) -> ShareServer:
        """Return the server as recorded, without waiting for anybody.

        Raises InvalidInput, NotFound, or RecordUnreadable if the name may be in an unreadable record.
        """
        found = self.ports.records.find(ServerName(name))
        if found is None:
            raise _no_server(name)
        return found

    @contextmanager
    def server(self, name: str, *, even_unrecovered: bool = False) -> Iterator[ServerWork]:
        """Hold the server's lock, after recovering what an earlier crash interrupted on the server itself.

        Raises as ``find`` does, Busy, and what recovering raises. ``even_unrecovered`` is for taking the
        whole server down, which must always be possible and needs no recovery.
        """
        with self.server_by_id(self.find(name).id, name, even_unrecovered=even_unrecovered) as held:
            yield held

    @contextmanager
    def server_by_id(
        self, server_id: str, name: str, *, even_unrecovered: bool = False
    ) -> Iterator[ServerWork]:
        """The same for a server that is already found."""
        with self.ports.locks.server(server_id):
            actual = self.ports.runtime.inspect(server_id)  # raises without Docker: nothing has changed yet
            recorded = self.ports.records.load(server_id)
            if recorded is None:  # deleted while this caller waited
                self.ports.locks.forget(server_id)
                raise _no_server(name)
            held = ServerWork(self.ports, recorded, recovered=recorded.operation is not None)
            try:
                recover(held)
            except SharesError:
                if not even_unrecovered:
                    raise
            if self._is_gone(held):
                raise _no_server(name)
            held.found = run_state(held.server, actual.state)
            yield held

    def _is_gone(self, held: ServerWork) -> bool:
        """Whether recovering has removed the server."""
        return held.recovered and self.ports.records.load(held.server.id) is None

    @contextmanager
    def share(self, server: str, share: str, *, supersede: bool = False) -> Iterator[ShareWork]:
        """Hold the share's slot, after recovering what an earlier crash interrupted on the share.

        If it cannot be recovered, the share has failed, and the operation stays open. With ``supersede``
        nothing is recovered: for removing the share. Raises NotFound, InvalidInput, and Busy at once, which
        names what is under way.
        """
        with ExitStack() as slot:
            with self.server(server) as held:
                work = self._enter_slot(slot, held, held.server.share(share))
            if not supersede:
                self._recover(work)
            yield work

    def _enter_slot(self, slot: ExitStack, held: ServerWork, share: CifsShare) -> ShareWork:
        self.take_slot(slot, held.server, share)
        return ShareWork(self.ports, held.server, share, held.found)

    def take_slot(self, slot: ExitStack, server: ShareServer, share: CifsShare) -> None:
        """Hold the share's slot until ``slot`` is closed. Raises Busy, which names what is under way."""
        try:
            slot.enter_context(self.ports.locks.share(share.id))
        except Busy as error:
            raise self._busy(server, share) from error

    def require_free(self, server: ShareServer, share: CifsShare) -> None:
        """Raise Busy, which names what is under way, if somebody is at work on the share."""
        if share.operation is not None and self.ports.locks.held((share.id,)):
            raise self._busy(server, share)

    def _busy(self, server: ShareServer, share: CifsShare) -> Busy:
        current = self.ports.records.load(server.id) or server
        operation = (current.share_by_id(share.id) or share).operation
        what = "another caller works on it"
        if operation is not None:
            seconds = max(0, self.ports.clock.now() - operation.since)
            what = f"{operation.kind} {operation.id} has been under way for {seconds} s"
        return Busy(
            f"share {share.name.value!r} of server {server.name.value!r} is busy: {what}",
            hint=Remedy.of(
                "try again when it has ended; ", Call(UseCase.OPERATIONS_LIST), " shows what is under way"
            ),
        )

    @staticmethod
    def _recover(work: ShareWork) -> None:
        if not work.share.is_recoverable:
            return
        try:
            recover(work)
        except SharesError:
            if work.share.failure is None:  # not even recorded: the caller must not go on
                raise

    @contextmanager
    def settled(
        self, server: str, share: str | ShareName, *, await_made: bool = False
    ) -> Iterator[ServerWork]:
        """Hold the server's lock while nothing is under way on the share of that name, if it exists.

        Raises as ``share`` does, but not NotFound for a share. With ``await_made`` it waits for a share that
        somebody is making, so that another creation of the same share returns it.
        """
        while True:
            with self.server(server) as held:
                found = held.server.find_share(share)
                if found is None or found.operation is None:
                    yield held
                    return
                being_made = await_made and self._is_being_made(found)
                if not being_made:
                    self.require_free(held.server, found)
                    if found.failure is not None:
                        yield held
                        return
            if being_made:
                self.ports.locks.await_share(found.id)
                continue
            with suppress(NotFound), self.share(server, str(found.name)):
                pass  # it was interrupted and is now recovered

    def _is_being_made(self, share: CifsShare) -> bool:
        made = isinstance(share.operation, CreateShare)
        return made and bool(self.ports.locks.held((share.id,)))

    def recover_shares(self, server: ShareServer) -> list[tuple[CifsShare, SharesError]]:
        """Recover each interrupted operation on the server's shares. Returns those that it could not recover.

        Leaves operations that somebody is at work on alone.
        """
        failures: list[tuple[CifsShare, SharesError]] = []
        busy = at_work(self.ports, (server,))  # asking for a slot that is held takes a moment each time
        for share in server.shares:
            if not share.is_recoverable or share.id in busy:
                continue
            try:
                with self.ports.locks.share(share.id):
                    self._recover_share(server, share)
            except Busy:
                continue
            except SharesError as error:
                failures.append((share, error))
        return failures

    def _recover_share(self, server: ShareServer, share: CifsShare) -> None:
        """Recover it, unless somebody else has recovered or removed it meanwhile."""
        current = self.ports.records.load(server.id)
        now = current.share_by_id(share.id) if current is not None else None
        if current is None or now is None:
            self.ports.locks.forget(share.id)
        else:
            recover(ShareWork(self.ports, current, now))


def at_work(ports: Ports, servers: Collection[ShareServer]) -> frozenset[str]:
    """The ids of these servers and shares that somebody is at work on."""
    ids = [share.id for server in servers for share in server.shares if share.operation is not None]
    ids += [server.id for server in servers if server.operation is not None]
    return ports.locks.held(ids) if ids else frozenset()


def _no_server(name: str) -> NotFound:
    return NotFound("server", name, hint=Remedy.of(Call(UseCase.SERVERS_LIST), " lists those that are there"))
