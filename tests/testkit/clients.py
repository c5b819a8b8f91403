"""SMB clients of other projects, each run from its own network namespace.

A namespace has one interface on one bridge and no default route: packets to a missing server go nowhere.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_interface
from pathlib import Path

from attrs import define, frozen
from pyroute2 import IPRoute, NetNS, netns
from smbprotocol.connection import Connection, Dialects
from smbprotocol.exceptions import SMBConnectionClosed, SMBResponseException
from smbprotocol.file_info import FileAttributes
from smbprotocol.header import NtStatus
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
    ShareAccess,
)
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

from shares_core.domain.network import Interface
from tests.testkit.leftovers import NAMESPACE_PREFIX

_STATUS = re.compile(r"\bNT_STATUS_[A-Z0-9_]+")
_SECONDS = 60
_STATUS_NAMES = {value: f"NT_{name}" for name, value in vars(NtStatus).items() if name.startswith("STATUS_")}

#: The access masks of smbprotocol's opens (MS-SMB2 2.2.13.1.1).
READ: int = FilePipePrinterAccessMask.GENERIC_READ
READ_WRITE: int = READ | FilePipePrinterAccessMask.GENERIC_WRITE
#: The addresses of each client of this process, by name: two clients on a bridge must not share one.
_HELD: dict[str, set[tuple[str, str]]] = {}
#: What :func:`nt_status` returns if the server ended the connection.
CONNECTION_CLOSED = "connection closed"


@frozen
class Answer:
    """smbclient's output: ``status`` is the first NT status in it, or NT_STATUS_OK for success."""

    status: str
    output: str


@define
class ClientNamespace:
    """A client's machine: a network namespace on one bridge."""

    name: str

    @classmethod
    def create(cls, bridge: str, *addresses: str, process: int | None = None) -> ClientNamespace:
        """Make a client on ``bridge``, with these addresses (``IP/PREFIX``).

        In the namespace of a ``process`` that has no network yet, if one is given.
        """
        token = uuid.uuid4().hex[:8]
        name = f"{NAMESPACE_PREFIX}{token}"
        if process is None:
            netns.create(name)
        else:
            netns.attach(name, process)
        client = cls(name)
        _HELD[name] = {(bridge, address) for address in addresses}
        try:
            client._plug(bridge, addresses)
        except BaseException:
            client.remove()
            raise
        return client

    @classmethod
    def beside(cls, interface: Interface, number: int = 0, process: int | None = None) -> ClientNamespace:
        """Make a client on a server's bridge, with one of the network's last addresses, counted from the end.

        If another client has that address, it gets the next.
        """
        network, bridge = interface.addresses[0].network, interface.attachment.device
        held = set().union(*_HELD.values())
        texts = (f"{network[-3 - each]}/{network.prefixlen}" for each in itertools.count(number))
        return cls.create(bridge, next(text for text in texts if (bridge, text) not in held), process=process)

    @property
    def address(self) -> str:
        """One of its addresses."""
        return min(text.partition("/")[0] for _, text in _HELD[self.name])

    @property
    def port(self) -> str:
        """The bridge's end of its cable."""
        return f"scv{self.name.removeprefix(NAMESPACE_PREFIX)}"

    def _plug(self, bridge: str, addresses: tuple[str, ...]) -> None:
        with IPRoute() as host, NetNS(self.name) as inside:
            peer = {"ifname": "eth0", "net_ns_fd": self.name}
            host.link("add", ifname=self.port, kind="veth", peer=peer)
            port = host.link_lookup(ifname=self.port)[0]
            host.link("set", index=port, master=host.link_lookup(ifname=bridge)[0], state="up")
            inside.link("set", index=inside.link_lookup(ifname="lo")[0], state="up")
            index = inside.link_lookup(ifname="eth0")[0]
            for text in addresses:
                address = ip_interface(text)
                flags = {"flags": 0x02} if address.version == 6 else {}  # no duplicate detection
                prefix = address.network.prefixlen
                inside.addr("add", index=index, address=str(address.ip), prefixlen=prefix, **flags)
            inside.link("set", index=index, state="up")

    def remove(self) -> None:
        """Remove the client. Idempotent. Removes its port at once: the kernel would do so only later."""
        with IPRoute() as host:
            for port in host.link_lookup(ifname=self.port):
                host.link("del", index=port)
        with suppress(FileNotFoundError):
            netns.remove(self.name)
        _HELD.pop(self.name, None)

    def _inside(self, argv: Sequence[str]) -> Sequence[str]:
        """The command that runs this command inside."""
        return "ip", "netns", "exec", self.name, *argv

    def run(self, *argv: str, timeout: float = _SECONDS, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command inside."""
        return subprocess.run(
            self._inside(argv),
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def popen(self, *argv: str) -> subprocess.Popen[str]:
        """Start a command inside, with pipes to it."""
        return subprocess.Popen(
            self._inside(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Inside, this thread's new sockets belong to the namespace."""
        netns.pushns(self.name)
        try:
            yield
        finally:
            netns.popns()

    def reaches(self, address: str, port: int = 445, seconds: int = 2) -> bool:
        """Whether a TCP connection can be opened from inside."""
        code = f"import socket; socket.create_connection(({address!r}, {port}), timeout={seconds})"
        return self.run("python3", "-c", code).returncode == 0


@frozen
class SmbClient:
    """``smbclient`` as one user of one server."""

    namespace: ClientNamespace
    address: str
    user: str
    password: str
    folder: Path

    def argv(self, share: str, *options: str) -> tuple[str, ...]:
        """The command line; the password is in a file that only root can read."""
        authentication = self.folder / f"auth-{uuid.uuid4().hex[:8]}"
        authentication.touch(mode=0o600)
        authentication.write_text(f"username = {self.user}\npassword = {self.password}\n")
        return (
            "smbclient",
            f"//{self.address}/{share}",
            "-A",
            str(authentication),
            *(options or ("-m", "SMB3")),
        )

    def do(self, share: str, command: str, *options: str, timeout: float = _SECONDS) -> Answer:
        """Run smbclient's commands (``put``, ``get``, ``ls``...) on the share."""
        return answer(self.namespace.run(*self.argv(share, *options), "-c", command, timeout=timeout))

    def put(self, share: str, name: str, content: bytes) -> Answer:
        """Write a file."""
        local = self.folder / f"put-{uuid.uuid4().hex[:8]}"
        local.write_bytes(content)
        return self.do(share, f'put "{local}" "{name}"')

    def get(self, share: str, name: str) -> bytes | Answer:
        """A file's content, or smbclient's error."""
        local = self.folder / f"get-{uuid.uuid4().hex[:8]}"
        said = self.do(share, f'get "{name}" "{local}"')
        return local.read_bytes() if said.status == "NT_STATUS_OK" else said

    @contextmanager
    def connection(self) -> Iterator[Session]:
        """A session of smbprotocol, another implementation, on its own connection."""
        connection = Connection(uuid.uuid4(), self.address, 445)
        with self.namespace.entered():
            connection.connect(Dialects.SMB_3_1_1, timeout=_SECONDS)
        try:
            session = Session(connection, self.user, self.password)
            session.connect()
            yield session
        finally:
            with suppress(OSError):  # the server may have ended it
                connection.disconnect(close=False)

    @contextmanager
    def negotiated(self, dialect: int = Dialects.SMB_3_1_1) -> Iterator[Connection]:
        """A smbprotocol connection without a login, with exactly that dialect."""
        connection = Connection(uuid.uuid4(), self.address, 445)
        try:
            with self.namespace.entered():
                connection.connect(dialect, timeout=_SECONDS)
            yield connection
        finally:
            with suppress(OSError):
                connection.disconnect(close=False)

    def log_in(self, connection: Connection) -> Session:
        """A session of this user on a connection that may have other sessions."""
        session = Session(connection, self.user, self.password)
        session.connect()
        return session

    def tree(self, session: Session, share: str) -> TreeConnect:
        """The share, connected in that session."""
        tree = TreeConnect(session, rf"\\{self.address}\{share}")
        tree.connect()
        return tree


def open_file(
    tree: TreeConnect,
    name: str,
    access: int = READ_WRITE,
    *,
    disposition: int = CreateDisposition.FILE_OPEN_IF,
    options: int = CreateOptions.FILE_NON_DIRECTORY_FILE,
) -> Open:
    """Open, or make, a file that others may open too."""
    opened = Open(tree, name)
    everything = ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE | ShareAccess.FILE_SHARE_DELETE
    attributes = FileAttributes.FILE_ATTRIBUTE_NORMAL
    opened.create(ImpersonationLevel.Impersonation, access, attributes, everything, disposition, options)
    return opened


def nt_status(action: Callable[[], object]) -> str:
    """The server's answer to something done by smbprotocol, in smbclient's words."""
    try:
        action()
    except SMBResponseException as refusal:
        return _STATUS_NAMES.get(refusal.status, f"{refusal.status:#010x}")
    except SMBConnectionClosed:
        return CONNECTION_CLOSED
    return "NT_STATUS_OK"


@contextmanager
def still_admitted(client: SmbClient, share: str = "files") -> Iterator[None]:
    """The positive control of a refusal: this client is admitted just before it and just after."""
    assert client.do(share, "ls").status == "NT_STATUS_OK"
    yield
    assert client.do(share, "ls").status == "NT_STATUS_OK"


def anonymous(namespace: ClientNamespace, address: str, share: str) -> Answer:
    """smbclient's answer without a name and a password."""
    command = ("smbclient", "-N", "-U%", "-m", "SMB3", f"//{address}/{share}", "-c", "ls")
    return answer(namespace.run(*command))


def answer(done: subprocess.CompletedProcess[str]) -> Answer:
    """The answer of a finished smbclient."""
    output = done.stdout + done.stderr
    found = _STATUS.search(output)
    if found is not None:
        return Answer(found[0], output)
    return Answer("NT_STATUS_OK" if done.returncode == 0 else f"exit {done.returncode}", output)


@define
class HostSide(ClientNamespace):
    """The host itself as a client: its own network namespace."""

    name: str = "the host"

    def _inside(self, argv: Sequence[str]) -> Sequence[str]:
        return argv

    @contextmanager
    def entered(self) -> Iterator[None]:
        yield

    def remove(self) -> None:
        """Nothing to remove."""
