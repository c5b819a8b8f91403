"""Share servers: create, show, list, start, stop, upgrade, delete."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from attrs import frozen

from shares_core.app.growing import resume_growing
from shares_core.app.registry import Held, Registry
from shares_core.app.removing import remove_server
from shares_core.app.serving import (
    bring_down,
    bring_up,
    is_outdated,
    is_running,
    replace_container,
    run_state,
)
from shares_core.app.settling import finish_removing, settle, undo_creating
from shares_core.domain.errors import (
    AlreadyExists,
    InvalidInput,
    NotEmpty,
    NotFound,
    RecordUnreadable,
    SharesError,
)
from shares_core.domain.intent import CreateServer
from shares_core.domain.names import ServerName
from shares_core.domain.network import DefaultNetwork, InterfaceSpec, decide_interface, fits
from shares_core.domain.server import DesiredState, ShareServer, free_uid
from shares_core.domain.share import ShareStatus
from shares_core.domain.undo import undone_by
from shares_core.domain.views import RunState, ServerView, UpgradeOutcome, UpgradeView
from shares_core.ports import Ports

#: What comes to an end with a share that an earlier call could not remove.
_REMOVING = {ShareStatus.DELETING: finish_removing, ShareStatus.CREATING: undo_creating}


@frozen
class Servers:
    """The use cases about whole servers. Every one may raise HostNotReady, BackendFailure and Busy."""

    _ports: Ports
    _registry: Registry
    _default_network: DefaultNetwork

    def create(self, name: str, interfaces: Sequence[InterfaceSpec] = (InterfaceSpec(),)) -> ServerView:
        """Make a server and start it; ready for shares when the call returns.

        Where the server exists and fits, it is returned as it is. Raises InvalidInput, AlreadyExists,
        AddressTaken, Conflict, NoCapacity; after any error nothing of a new server is left.
        """
        wanted, specs = ServerName(name), tuple(interfaces)
        if not specs:
            raise InvalidInput("a server needs at least one interface")
        self._ports.runtime.check()
        while True:
            server_id = self._ports.ids.new_id()
            with self._ports.locks.server(server_id):
                claimed = self._claim(server_id, wanted, specs)
                if claimed.id == server_id:
                    return self._make(claimed)
                self._ports.locks.forget(server_id)
            try:
                with self._registry.hold_id(claimed.id, name) as held:
                    return self._same(held.server, wanted, specs)
            except NotFound:
                continue  # whoever was making it failed, or somebody deleted it: the name is free again

    def _claim(self, server_id: str, wanted: ServerName, specs: tuple[InterfaceSpec, ...]) -> ShareServer:
        """Record the new server with all it takes, or give the one that has its name."""
        with undone_by(lambda: self._ports.locks.forget(server_id)), self._ports.locks.claims():
            others = self._registry.others()
            existing = next((server for server in others if server.name.key == wanted.key), None)
            if existing is not None:
                return existing
            holders = [(str(server.name), held) for server in others for held in server.interfaces]
            interfaces = []
            for spec in specs:
                interface = decide_interface(
                    spec,
                    interface_id=self._ports.ids.new_id(),
                    default=self._default_network,
                    holders=holders,
                )
                interfaces.append(interface)
                holders.append((str(wanted), interface))
            server = ShareServer(server_id, wanted, free_uid(others), tuple(interfaces)).intending(
                CreateServer()
            )
            with undone_by(lambda: self._ports.records.remove(server_id)):
                self._ports.records.save(server)
            return server

    def _make(self, claimed: ShareServer) -> ServerView:
        # Removing saves the record first: the last save may have taken effect although it failed.
        with undone_by(lambda: remove_server(self._ports, claimed)):
            server = bring_up(self._ports, claimed).intending(None)
            self._ports.records.save(server)
        return ServerView(server, RunState.RUNNING)

    def _same(self, server: ShareServer, wanted: ServerName, specs: tuple[InterfaceSpec, ...]) -> ServerView:
        if server.name != wanted:
            raise AlreadyExists(
                "server",
                str(server.name),
                f"{wanted} differs from it in case only",
                hint=f"name {server.name}, or choose another name",
            )
        pairs = zip(specs, server.interfaces, strict=False)
        if len(specs) != len(server.interfaces) or not all(
            fits(*pair, self._default_network) for pair in pairs
        ):
            raise AlreadyExists(
                "server",
                str(server.name),
                "its interfaces differ from those asked for",
                hint=f"'shares-core server show {server.name}' shows them; or choose another name",
            )
        return self._view(server)

    def show(self, name: str) -> ServerView:
        """The server as recorded and as it is. Raises InvalidInput, NotFound."""
        return self._view(self._registry.find(name))

    def list(self) -> tuple[ServerView | RecordUnreadable, ...]:
        """Every server by name; a record that cannot be read is given as its error."""
        return tuple(
            self._view(record) if isinstance(record, ShareServer) else record
            for record in self._ports.records.load_all()
        )

    def start(self, name: str) -> ServerView:
        """Make the server serve, whatever of it is missing on the host. Idempotent.

        A share that cannot be mounted is marked as failed and the others are served. Raises NotFound.
        """
        self._ports.runtime.check(stale_image_ok=True)
        with self._registry.hold(name) as held:
            self._start(held)
            self._finish_shares(held)
            return self._view(held.server)

    def _start(self, held: Held, *, upgrade: bool = False) -> None:
        server = held.save(held.server.wanting(DesiredState.RUNNING))
        brought = bring_up(self._ports, server, upgrade=upgrade)
        if brought != server:
            held.save(brought)

    def _finish_shares(self, held: Held) -> None:
        """Settle the extensions, deletes and creates that could not be settled earlier, each by itself."""
        failures: list[SharesError] = []
        for share in held.server.shares:
            if finish := _REMOVING.get(share.status):
                try:
                    held.save(finish(self._ports, held.server, share.id))
                except SharesError as error:
                    failures.append(error)
            elif share.unfinished is not None and not share.damaged:
                with suppress(SharesError):  # the share stays failed, and says why
                    held.save(resume_growing(self._ports, held.server, share))
        if failures:
            raise failures[0]

    def stop(self, name: str) -> ServerView:
        """Stop serving: connections end, file systems are unmounted, data and record stay. Idempotent.

        Raises NotFound.
        """
        with self._registry.hold(name, even_unsettled=True) as held:
            self._stop(held)
            return self._view(held.server)

    def _stop(self, held: Held) -> None:
        server = held.save(held.server.wanting(DesiredState.STOPPED))
        bring_down(self._ports, server)
        # It is down, which was asked for; what is open and cannot be settled is left to the next call.
        with suppress(SharesError):
            held.server = settle(self._ports, server) or server

    def delete(self, name: str, *, with_shares: bool = False) -> None:
        """Remove the server; its shares and their data too where ``with_shares``.

        Raises NotFound, and NotEmpty (nothing is touched) where it has shares. It only goes forward: after
        any other error, calling again carries on.
        """
        with self._registry.hold(name, even_unsettled=True) as held:
            if held.server.shares and not with_shares:
                raise NotEmpty(
                    f"server {name!r} still has {len(held.server.shares)} share(s)",
                    hint="delete them first, or say --with-shares to delete them and their data too",
                )
            for share in held.server.shares:
                self._ports.storage.find_volume(share.volume.ref)  # raises where the pool is not there
            remove_server(self._ports, held.server)

    def bring_to_desired(self, held: Held, *, upgrade: bool = True) -> None:
        """Bring a server that is held up or down, as its record wants it, with what was left open in it."""
        if held.server.desired is DesiredState.RUNNING:
            self._start(held, upgrade=upgrade)
        else:
            self._stop(held)
        self._finish_shares(held)

    def upgrade(self, name: str) -> UpgradeView:
        """Give a server that runs a container of the current image, where it has another.

        Its clients are disconnected, and can reconnect within seconds. Where the new container does not get
        ready the server is back on the former image, and the error is raised: BackendFailure. Idempotent.
        Raises NotFound, and HostNotReady where the image is not built or not current.
        """
        self._ports.runtime.check()
        with self._registry.hold(name) as held:
            server = held.server
            if not is_running(self._ports, server):
                return UpgradeView(server, UpgradeOutcome.STOPPED)
            if not is_outdated(self._ports, server):
                return UpgradeView(server, UpgradeOutcome.CURRENT)
            downtime = replace_container(self._ports, server)
            return UpgradeView(server, UpgradeOutcome.UPGRADED, downtime)

    def _view(self, server: ShareServer) -> ServerView:
        state = RunState.UNKNOWN
        try:
            state = run_state(server, self._ports.runtime.inspect(server.id).state)
            return ServerView(server, state, self._problem(server, state))
        except SharesError as error:
            return ServerView(server, state, str(error))

    def _problem(self, server: ShareServer, state: RunState) -> str:
        if server.intent is not None:
            return "an operation is under way, or was interrupted; the next command settles it"
        if server.desired is DesiredState.STOPPED:
            return ""
        if state is not RunState.RUNNING:
            return f"it should run but does not; 'shares-core server start {server.name}' brings it up"
        if self._ports.network.unplugged(server.interfaces):
            return f"an interface is not plugged; 'shares-core server start {server.name}' mends it"
        failed = [str(share.name) for share in server.shares if share.status is ShareStatus.FAILED]
        return f"shares that cannot be served: {', '.join(failed)}" if failed else ""
