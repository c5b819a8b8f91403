"""What the demo does: all that the library is for, as a real client sees it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from attrs import evolve, frozen

from shares_core.adapters.linux.polling import wait_until
from shares_core.bootstrap import Host
from shares_core.config import HostConfig
from shares_core.domain.access import AccessLevel
from shares_core.domain.addresses import MacAddress
from shares_core.domain.audit import AuditEntry
from shares_core.domain.capacity import MIB, Capacity, format_bytes
from shares_core.domain.errors import BackendFailure, Conflict, NoCapacity
from shares_core.domain.network import InterfaceSpec
from shares_core.domain.presets import share_preset
from shares_core.domain.server import ShareServer
from shares_core.domain.views import ExtendWay, ServerView
from shares_core.entrypoints.cli.demo_client import DemoClient, Place, Target
from shares_core.entrypoints.cli.demo_marker import SERVER, Marker, MarkerFile, find_server, remove_run
from shares_core.entrypoints.cli.demo_steps import Steps
from shares_core.entrypoints.cli.options import of_share
from shares_core.entrypoints.cli.text import hosts

SHARE = "projects"
WRITER = "ada"
READER = "Max Mustermann"
_PRESET = "archive"
_FILE = "hello.bin"
_SIZE = 8 * MIB
_FIRST, _SECOND = Capacity(256 * MIB), Capacity(512 * MIB)
_TRAIL_SECONDS = 10.0
_DENIED = "NT_STATUS_ACCESS_DENIED"
_GONE = "NT_STATUS_BAD_NETWORK_NAME"

_WAYS = {
    ExtendWay.ONLINE: "while it was served",
    ExtendWay.OFFLINE: "with its clients disconnected for a moment, as this kernel wants it",
    ExtendWay.UNCHANGED: "which it had already",
}

#: Makes a client at a place, and removes it at the end.
OpenClient = Callable[[Place], AbstractContextManager[DemoClient]]


@frozen
class Kept:
    """What ``--keep`` leaves: the share, and who may use it."""

    server: ShareServer
    target: Target


@frozen
class Demo:
    """One run. ``delete_line`` is the command that removes what a former run has kept."""

    host: Host
    config: HostConfig
    files: MarkerFile
    steps: Steps
    open_client: OpenClient
    delete_line: str

    def run(self, *, keep: bool) -> Kept | None:
        """Run it, and clean up whatever happens. Raises what went wrong, with failed clean-ups as notes."""
        with self.files.held():
            self._remove_killed_run()
            marker = Marker.mint()
            try:
                self.files.write(marker)
                kept = self._play(marker, keep=keep)
            except BaseException as error:
                self._clean_up(marker, error)
                raise
            self.files.remove()
            return kept

    def _remove_killed_run(self) -> None:
        marker = self.files.read()
        if marker is not None:
            with self.steps.step("leftovers", "removing what a killed demo left") as step:
                had_server = remove_run(self.host, self.files, marker)
                step.text = "removed what a killed demo left" + (", its server too" if had_server else "")
        if find_server(self.host) is not None:
            raise Conflict(f"a server {SERVER!r} is there, kept by a former demo", hint=self.delete_line)

    def _clean_up(self, marker: Marker, error: BaseException) -> None:
        try:
            remove_run(self.host, self.files, self.files.read() or marker)
        except Exception as failure:  # noqa: BLE001 - told beside the error that led here
            error.add_note(f"cleaning up failed too, and will be tried again by the next demo: {failure}")

    def _play(self, marker: Marker, *, keep: bool) -> Kept | None:
        server = self._make_server(marker)
        self.files.write(evolve(marker, server_id=server.id))
        with self.steps.step("share", "making the share") as step:
            options = share_preset(_PRESET)
            self.host.shares.create(SERVER, SHARE, _FIRST, options=options)
            step.text = f"share {SHARE!r}: {_FIRST}, on a file system of its own"
            step.text += f", with the preset {_PRESET}: {of_share(options)}"
        writer = self._let_in(server, WRITER, AccessLevel.READ_WRITE)
        with ExitStack() as stack:
            with self.steps.step("client", "making a client") as step:
                place = self._place(server, marker)
                client = stack.enter_context(self.open_client(place))
                step.text = f"a client at {place.address.ip}, in network namespace {place.namespace}"
            content = self._write_and_read(client, writer)
            self._audit(writer)
            self._extend(client, writer, content)
            self._recycle(client, writer, content)
            reader = self._read_only(client, server, content)
            self._deny(client, writer, reader)
            if not keep:
                self._delete_share(client, reader)
        if keep:
            with self.steps.step("allow-again", f"letting {WRITER} in again") as step:
                self.host.access.allow(SERVER, SHARE, WRITER)
                step.text = f"allowed {WRITER} again: she kept her password"
            return Kept(server, writer)
        with self.steps.step("remove", "removing the server") as step:
            self.host.servers.delete(SERVER)
            step.text = "removed the server and the client's namespace: nothing is left"
        return None

    def _make_server(self, marker: Marker) -> ShareServer:
        with self.steps.step("server", "making the share server") as step:
            spec = InterfaceSpec(mac=MacAddress(marker.mac))
            server = self.host.servers.create(SERVER, (spec,)).server
            step.text = f"share server {SERVER!r}: a Samba container at {hosts(server)[0]}"
        return server

    def _let_in(self, server: ShareServer, user: str, level: AccessLevel) -> Target:
        with self.steps.step(f"allow-{level}", f"letting {user} in") as step:
            view = self.host.access.allow(SERVER, SHARE, user, level)
            if view.password is None:
                raise BackendFailure(f"no password was generated for {user}, who is new")
            step.text = f"allowed {user} {level}, with a generated password"
        return Target(hosts(server)[0], SHARE, user, view.password)

    def _place(self, server: ShareServer, marker: Marker) -> Place:
        """A place on the server's bridge, with the highest free address: servers take the lowest."""
        network = self.config.network
        others = [view.server for view in self.host.servers.list() if isinstance(view, ServerView)]
        taken = {ip for other in (*others, server) for ip in hosts(other)}
        free = [address for address in network.candidates() if str(address.ip) not in taken]
        if not free:
            raise NoCapacity(f"{network.subnet} has no free address for the demo's client")
        return Place(
            marker.namespace, marker.device, network.bridge, free[-1], network.mtu, self.files.folder
        )

    def _write_and_read(self, client: DemoClient, writer: Target) -> bytes:
        content = os.urandom(_SIZE)
        with self.steps.step("write", f"writing {format_bytes(_SIZE)}") as step:
            _expect("writing", "", client.write(writer, _FILE, content))
            step.text = f"{writer.user} wrote {format_bytes(_SIZE)} with smbclient, over encrypted SMB3"
        with self.steps.step("read", "reading it back") as step:
            self._same(client, writer, content)
            step.text = f"{writer.user} read the same {format_bytes(_SIZE)} back"
        return content

    def _audit(self, writer: Target) -> None:
        with self.steps.step("audit", "reading the audit trail") as step:
            if not wait_until(lambda: bool(self._written(writer)), _TRAIL_SECONDS):
                raise BackendFailure(f"the audit trail does not say that {writer.user} wrote {_FILE}")
            entry = self._written(writer)[0]
            step.text = f"audit trail: {writer.user} at {entry.address} {entry.action} {_FILE}"

    def _written(self, writer: Target) -> list[AuditEntry]:
        """What the trail says of the file. Docker passes on what Samba logs in its own time."""
        trail = self.host.shares.audit(SERVER, SHARE)
        return [entry for entry in trail if (entry.users, entry.path) == ((writer.user,), _FILE)]

    def _extend(self, client: DemoClient, writer: Target, content: bytes) -> None:
        with self.steps.step("extend", "extending the share") as step:
            view = self.host.shares.extend(SERVER, SHARE, _SECOND)
            step.text = f"extended to {_SECOND} {view.way}: {_WAYS[view.way]}"
        with self.steps.step("intact", "reading the file again") as step:
            self._same(client, writer, content)
            step.text = "the file is intact"

    def _recycle(self, client: DemoClient, writer: Target, content: bytes) -> None:
        with self.steps.step("recycle", "deleting the file, and moving it back") as step:
            _expect("deleting the file", "", client.delete(writer, _FILE))
            held = self.host.shares.show(SERVER, SHARE).recycled
            if held is None or held.files != 1:
                raise BackendFailure("the file that was deleted is not in the recycle bin")
            _expect("moving the file back", "", client.rename(writer, f".recycle\\{_FILE}", _FILE))
            self._same(client, writer, content)
            step.text = f"{writer.user} deleted the file, and moved it back out of the recycle bin"

    def _read_only(self, client: DemoClient, server: ShareServer, content: bytes) -> Target:
        reader = self._let_in(server, READER, AccessLevel.READ_ONLY)
        with self.steps.step("read-only", f"trying to write as {READER}") as step:
            self._same(client, reader, content)
            status = client.write(reader, "forbidden.bin", b"x")
            _expect("writing as a user who may only read", _DENIED, status)
            step.text = f"{READER} read the file, and could not write: {status}"
        return reader

    def _deny(self, client: DemoClient, writer: Target, reader: Target) -> None:
        with client.connect(writer, _FILE) as connection:
            with self.steps.step("session", "listing who is connected") as step:
                found = [each for each in self.host.sessions.list(SERVER, SHARE) if each.user == writer.user]
                if not found:
                    raise BackendFailure(f"{writer.user} is connected, and not in the list of sessions")
                step.text = f"session list: {writer.user} from {found[0].address}, with {found[0].dialect}"
            with self.steps.step("deny", f"denying {writer.user} while she is connected") as step:
                self.host.access.deny(SERVER, SHARE, writer.user)
                status = connection.last_words()
                if not status:
                    raise BackendFailure(f"{writer.user} was denied, but her open connection still worked")
                step.text = f"denied {writer.user}: her open connection was closed: {status}"
        with self.steps.step("refused", f"trying to connect as {writer.user}") as step:
            status, _ = client.read(writer, _FILE)
            _expect("connecting as a user who was denied", _DENIED, status)
            _expect("reading as the other user", "", client.read(reader, _FILE)[0])
            step.text = f"{writer.user} is refused: {status}; {reader.user} still reads"

    def _delete_share(self, client: DemoClient, reader: Target) -> None:
        with self.steps.step("delete", "deleting the share") as step:
            self.host.shares.delete(SERVER, SHARE)
            status, _ = client.read(reader, _FILE)
            _expect("connecting to a share that was deleted", _GONE, status)
            step.text = f"deleted the share: {status}"

    def _same(self, client: DemoClient, target: Target, content: bytes) -> None:
        status, found = client.read(target, _FILE)
        _expect(f"reading as {target.user}", "", status)
        if found != content:
            raise BackendFailure(f"{target.user} read something else than was written")


def _expect(doing: str, expected: str, status: str) -> None:
    if status != expected:
        raise BackendFailure(f"{doing} gave {status or 'success'}, not {expected or 'success'}")
