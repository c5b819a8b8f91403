"""Share servers: create, show, list, start, stop, upgrade, delete."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress

from attrs import evolve, frozen

from shares_core.app.leases import Leases
from shares_core.app.lifecycle.container import is_outdated, is_running, replace_container, run_state
from shares_core.app.operations.create_server import CreateServer
from shares_core.app.operations.delete_server import DeleteServer
from shares_core.app.operations.perform import begun, perform
from shares_core.app.operations.set_protection import SetProtection
from shares_core.app.operations.work import ServerWork
from shares_core.app.reconcile.apply import bring_down_held, bring_up_held, recover_shares
from shares_core.domain.checks import require
from shares_core.domain.claim import Claim
from shares_core.domain.errors import (
    AlreadyExists,
    InvalidInput,
    NotEmpty,
    NotFound,
    RecordUnreadable,
    SharesError,
)
from shares_core.domain.names import ServerName
from shares_core.domain.network import DefaultNetwork, Interface, InterfaceSpec, decide_interface, fits
from shares_core.domain.protection import Dialect, Encryption, Protection
from shares_core.domain.remedy import Call, Parameter, Remedy, UseCase
from shares_core.domain.server import DesiredState, ShareServer, free_uid
from shares_core.domain.share import ShareStatus
from shares_core.domain.undo import undone_by
from shares_core.domain.views import LogLine, RunState, ServerView, UpgradeOutcome, UpgradeView
from shares_core.ports import Ports

#: As Docker writes it (RFC 3339).
_LOG_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z", re.ASCII)


@frozen
class Servers:
    """The use cases about whole servers. Every one may raise HostNotReady, BackendFailure and Busy."""

    _ports: Ports
    _leases: Leases
    _default_network: DefaultNetwork

    def create(
        self,
        name: str,
        interfaces: Sequence[InterfaceSpec] = (InterfaceSpec(),),
        protection: Protection | None = None,
    ) -> ServerView:
        """Make a server and start it; it is ready for shares when the call returns.

        If the server exists and fits, it is returned as it is. ``protection`` is what it demands of clients;
        None is the default of a new server, and fits any other. Raises InvalidInput, AlreadyExists,
        AddressTaken, Conflict, NoCapacity; after any error nothing of a new server is left.
        """
        wanted, specs = ServerName(name), tuple(interfaces)
        if not specs:
            raise InvalidInput("a server needs at least one interface")
        if protection is not None:
            require(protection, Protection, "a server's protection", hint="Protection() is the default")
        self._ports.runtime.check()
        self._ports.filesystems.require_mounting()
        while True:
            server_id = self._ports.ids.new_id()
            with self._ports.locks.server(server_id):
                claimed = self._claim(server_id, wanted, specs, protection)
                if isinstance(claimed, ShareServer):
                    work = ServerWork(self._ports, claimed, RunState.ABSENT)
                    perform(work)
                    return ServerView(work.server, RunState.RUNNING)
                self._ports.locks.forget(server_id)
            try:
                with self._leases.server_by_id(claimed.id, name) as held:
                    return self._same(held.server, wanted, specs, protection)
            except NotFound:
                continue  # its creation failed or somebody deleted it: the name is free again

    def _claim(
        self,
        server_id: str,
        wanted: ServerName,
        specs: tuple[InterfaceSpec, ...],
        protection: Protection | None,
    ) -> ShareServer | Claim:
        """Record the new server with its claims, or return the claim of the server that has its name."""
        operation = CreateServer(**begun(self._ports))
        with undone_by(lambda: self._ports.locks.forget(server_id)), self._ports.locks.claims():
            others = self._others()
            existing = next((server for server in others if server.name.key == wanted.key), None)
            if existing is not None:
                return existing
            interfaces = self._decided(str(wanted), specs, others)
            server = ShareServer(server_id, wanted, free_uid(others), interfaces)
            server = server.protected(protection or Protection()).performing(operation)
            with undone_by(lambda: self._ports.records.remove(server_id)):
                self._ports.records.save(server)
            return server

    def _others(self) -> tuple[Claim, ...]:
        """Every server's claim. Raises RecordUnreadable: what is in such a record may not be free."""
        claims = []
        for claim in self._ports.records.claims():
            if isinstance(claim, RecordUnreadable):
                raise claim
            claims.append(claim)
        return tuple(claims)

    def _decided(
        self, name: str, specs: tuple[InterfaceSpec, ...], others: Sequence[Claim]
    ) -> tuple[Interface, ...]:
        """The interfaces for the request, in agreement with those that others have."""
        holders = [(str(server.name), held) for server in others for held in server.interfaces]
        interfaces = []
        for spec in specs:
            interface = decide_interface(
                spec, interface_id=self._ports.ids.new_id(), default=self._default_network, holders=holders
            )
            interfaces.append(interface)
            holders.append((name, interface))
        return tuple(interfaces)

    def _same(
        self,
        server: ShareServer,
        wanted: ServerName,
        specs: tuple[InterfaceSpec, ...],
        protection: Protection | None,
    ) -> ServerView:
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
                hint=Remedy.of(
                    Call(UseCase.SERVERS_SHOW, (str(server.name),)), " shows them; or choose another name"
                ),
            )
        if protection not in (None, server.protection):
            raise AlreadyExists(
                "server",
                str(server.name),
                "what it demands of clients differs from what was asked for",
                hint=Remedy.of(
                    Call(UseCase.SERVERS_SHOW, (str(server.name),)),
                    " shows it; ",
                    Call(UseCase.SERVERS_SET, (str(server.name),)),
                    " changes it",
                ),
            )
        return self._view(server)

    def set(
        self, name: str, *, encryption: Encryption | None = None, min_protocol: Dialect | None = None
    ) -> ServerView:
        """Change what the server demands of its clients; None leaves it as it is. Idempotent.

        If it demands more, all of its connections end, and clients that fit come back by themselves. It only
        goes forward: after an error, the next call carries on. Raises InvalidInput, NotFound.
        """
        with self._leases.server(name) as held:
            server = held.server
            wanted = server.protection.changed(encryption, min_protocol)
            if wanted != server.protection:
                restarts = held.found is RunState.RUNNING and wanted.may_refuse_clients_of(server.protection)
                held.journal(SetProtection(**begun(self._ports), restarts=restarts), server.protected(wanted))
                perform(held)
            return self._view(held.server)

    def show(self, name: str) -> ServerView:
        """Return the server as recorded and its state. Raises InvalidInput, NotFound."""
        return self._view(self._leases.find(name))

    def log(self, name: str, after: str = "") -> tuple[LogLine, ...]:
        """What the server's Samba has logged, after that time: above all, whom it refused, and why.

        Without what it says of audited files: ``shares.audit`` has that. Raises InvalidInput, NotFound.
        """
        if after and _LOG_TIME.fullmatch(after) is None:
            raise InvalidInput(f"{after[:100]!a} is not a time of the log", hint="give the time of a line")
        server = self._leases.find(name)
        explained = self._ports.smb_config.explained
        lines = self._ports.runtime.log(server.id, after)
        told = (line for line in lines if not self._ports.smb_config.is_audit(line.text))
        return tuple(evolve(line, text=explained(server, line.text)) for line in told)

    def list(self) -> tuple[ServerView | RecordUnreadable, ...]:
        """List every server by name; an unreadable record is returned as its error."""
        records = self._ports.records.load_all()
        servers = [record for record in records if isinstance(record, ShareServer)]
        views = self._views(servers, self._ports.runtime.list)
        return tuple(views[record.id] if isinstance(record, ShareServer) else record for record in records)

    def start(self, name: str) -> ServerView:
        """Make the server serve, whatever is missing on the host. Idempotent.

        A share that cannot be mounted fails and the others are served; operations on shares go on. Raises
        NotFound.
        """
        self._ports.runtime.check(stale_image_ok=True)
        with self._leases.server(name) as held:
            bring_up_held(held)
        recover_shares(self._leases, held.server)
        return self._view(self._as_recorded(held.server))

    def stop(self, name: str) -> ServerView:
        """Stop serving: connections end, file systems are unmounted, data and record stay. Idempotent.

        A share with an operation under way is unmounted when that has ended. Raises NotFound.
        """
        with self._leases.server(name, even_unrecovered=True) as held:
            bring_down_held(held)
        # It is down, as requested; the next call tries to recover the rest.
        with suppress(SharesError):
            recover_shares(self._leases, held.server)
        return self._view(self._as_recorded(held.server))

    def _as_recorded(self, server: ShareServer) -> ShareServer:
        """The server as its record says now; as it was before if it is gone by now."""
        return self._ports.records.load(server.id) or server

    def delete(self, name: str, *, with_shares: bool = False) -> None:
        """Remove the server; its shares and their data too if ``with_shares``.

        Raises NotFound, NotEmpty (and touches nothing) if it has shares, and Busy while something is under
        way on one. It only goes forward: after any other error, the next call carries on.
        """
        with self._leases.server(name, even_unrecovered=True) as held:
            server = held.server
            if server.shares and not with_shares:
                raise NotEmpty(
                    f"server {name!r} still has {len(server.shares)} share(s)",
                    hint=Remedy.of(
                        "delete them first, or say ",
                        Parameter("with_shares"),
                        " to delete them and their data too",
                    ),
                )
            with ExitStack() as slots:
                for share in server.shares:
                    self._leases.take_slot(slots, server, share)
                    self._ports.storage.find_volume(share.volume.ref)  # raises if the pool is missing
                held.journal(DeleteServer(**begun(self._ports)))
                perform(held)

    def upgrade(self, name: str) -> UpgradeView:
        """Give a running server a container of the current image, if its own differs.

        Its clients are disconnected, and can reconnect within seconds. If the new container does not get
        ready, the server goes back to the former image, and the call raises BackendFailure. Idempotent.
        Raises NotFound, and HostNotReady if the image is not built or not current.
        """
        self._ports.runtime.check()
        self._ports.filesystems.require_mounting()
        with self._leases.server(name) as held:
            server = held.server
            if not is_running(self._ports, server):
                return UpgradeView(server, UpgradeOutcome.STOPPED)
            if not is_outdated(self._ports, server):
                return UpgradeView(server, UpgradeOutcome.CURRENT)
            downtime = replace_container(self._ports, server)
            return UpgradeView(server, UpgradeOutcome.UPGRADED, downtime)

    def _view(self, server: ShareServer) -> ServerView:
        def state() -> Mapping[str, RunState]:
            return {server.id: self._ports.runtime.inspect(server.id).state}

        return self._views([server], state)[server.id]

    def _views(
        self, servers: Collection[ShareServer], states: Callable[[], Mapping[str, RunState]]
    ) -> Mapping[str, ServerView]:
        """Return the servers' views by their ids, after one look at the host for all of them.

        ``states`` returns the states of their containers, by the servers' ids. An error of a look is the
        problem of each server that the look was for.
        """
        if not servers:
            return {}
        try:
            actual = states()
        except SharesError as error:
            return {each.id: ServerView(each, RunState.UNKNOWN, str(error)) for each in servers}
        seen = {each.id: run_state(each, actual.get(each.id, RunState.ABSENT)) for each in servers}
        plugged = [each for each in servers if _should_be_plugged(each, seen[each.id])]
        unplugged: frozenset[Interface] = frozenset()
        unseen: dict[str, ServerView] = {}
        try:
            if wanted := [interface for server in plugged for interface in server.interfaces]:
                unplugged = frozenset(self._ports.network.unplugged(wanted))
        except SharesError as error:
            unseen = {each.id: ServerView(each, seen[each.id], str(error)) for each in plugged}
        return {
            each.id: ServerView(each, seen[each.id], *_problem(each, seen[each.id], unplugged))
            for each in servers
        } | unseen


def _should_be_plugged(server: ShareServer, state: RunState) -> bool:
    return server.operation is None and server.desired is DesiredState.RUNNING and state is RunState.RUNNING


def _problem(server: ShareServer, state: RunState, unplugged: Collection[Interface]) -> tuple[str, Remedy]:
    """What is wrong with it, and what to do; both empty if nothing is."""
    start = Call(UseCase.SERVERS_START, (str(server.name),))
    if server.operation is not None:
        return f"an operation ({server.operation.kind}) is under way, or was interrupted", Remedy()
    if server.desired is DesiredState.STOPPED:
        return "", Remedy()
    if state is not RunState.RUNNING:
        return "it should run but does not", Remedy.of(start, " brings it up")
    if any(interface in unplugged for interface in server.interfaces):
        return "an interface is not attached, or not filtered and let through", Remedy.of(
            start, " repairs it"
        )
    failed = [str(share.name) for share in server.shares if share.status is ShareStatus.FAILED]
    return f"shares that cannot be served: {', '.join(failed)}" if failed else "", Remedy()
