"""The demo's client: a real ``smbclient`` in a separate network namespace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from ipaddress import IPv4Interface
from pathlib import Path

from attrs import frozen

from shares_core.adapters.linux.commands import environment, is_installed, run
from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.addresses import BridgeName
from shares_core.domain.errors import BackendFailure, CommandFailed, HostNotReady
from shares_core.domain.secret import Secret

_TIMEOUT = 60.0
_OPTIONS = ("--max-protocol=SMB3", "--configfile=/dev/null", "--timeout=20")
_STATUS = re.compile(r"NT_STATUS_[A-Z0-9_]+")


@frozen
class Place:
    """The client's namespace and devices, by whose names a later run can remove what a killed run left."""

    namespace: str
    device: str
    bridge: BridgeName
    address: IPv4Interface
    mtu: int
    folder: Path


@frozen
class Target:
    """A share, and the user who connects to it."""

    host: str
    share: str
    user: str
    password: Secret


class Connection(ABC):
    """A client that stays connected."""

    @abstractmethod
    def last_words(self) -> str:
        """List files on the open connection, and end it. Returns the status, empty for success."""


class DemoClient(ABC):
    """An SMB client. A status is Samba's name, like NT_STATUS_ACCESS_DENIED, and empty for success."""

    @abstractmethod
    def write(self, target: Target, name: str, content: bytes) -> str:
        """Write a file. Returns the status."""

    @abstractmethod
    def read(self, target: Target, name: str) -> tuple[str, bytes]:
        """Read a file. Returns the status and the content."""

    @abstractmethod
    def delete(self, target: Target, name: str) -> str:
        """Delete a file. Returns the status."""

    @abstractmethod
    def rename(self, target: Target, name: str, to: str) -> str:
        """Give a file another path. Returns the status."""

    @abstractmethod
    def connect(self, target: Target, name: str) -> AbstractContextManager[Connection]:
        """Read a file, and stay connected."""


def first_status(output: str) -> str:
    """The first NT status in smbclient's output, or an empty text."""
    found = _STATUS.search(output)
    return found.group() if found is not None else ""


def require_tools() -> None:
    """Raise HostNotReady unless the client's tools are installed."""
    for tool, package in (("smbclient", "smbclient"), ("ip", "iproute2"), ("nsenter", "util-linux")):
        if not is_installed(tool):
            raise HostNotReady(f"the demo needs {tool}", hint=f"apt-get install {package}")


@contextmanager
def client_at(place: Place) -> Iterator[DemoClient]:
    """A client in its own namespace, on the bridge, without any route out. Removed at the end."""
    try:
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(place)
        yield NamespaceClient(place)
    finally:
        remove_client(place.namespace, place.device, place.folder)


def _make(place: Place) -> None:
    run(("ip", "netns", "add", place.namespace))
    peer = ("peer", "name", "eth0", "mtu", str(place.mtu), "netns", place.namespace)
    run(("ip", "link", "add", place.device, "mtu", str(place.mtu), "type", "veth", *peer))
    run(("ip", "link", "set", place.device, "alias", f"the client of shares-core demo, in {place.namespace}"))
    run(("ip", "link", "set", place.device, "addrgenmode", "none"))  # the host has no address on it
    run(("ip", "link", "set", place.device, "master", str(place.bridge)))
    run(("ip", "link", "set", place.device, "up"))
    inside = ("ip", "-n", place.namespace)
    run((*inside, "addr", "add", str(place.address), "dev", "eth0"))
    run((*inside, "link", "set", "lo", "up"))
    run((*inside, "link", "set", "eth0", "up"))


def remove_client(namespace: str, device: str, folder: Path) -> None:
    """Remove what exists of a client. Idempotent.

    The pair goes first: a deleted namespace removes its devices only after some time.
    """
    if Path("/sys/class/net", device).exists():
        run(("ip", "link", "del", device))
    if Path("/run/netns", namespace).exists():
        run(("ip", "netns", "del", namespace))
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


class NamespaceClient(DemoClient):
    """smbclient; the password goes in through a pipe, never an argument."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def write(self, target: Target, name: str, content: bytes) -> str:
        (self._place.folder / "out").write_bytes(content)
        return self._ask(target, f'put "out" "{name}"')

    def read(self, target: Target, name: str) -> tuple[str, bytes]:
        here = self._place.folder / "in"
        here.unlink(missing_ok=True)
        status = self._ask(target, f'get "{name}" "in"')
        return status, here.read_bytes() if here.exists() else b""

    def delete(self, target: Target, name: str) -> str:
        return self._ask(target, f'del "{name}"')

    def rename(self, target: Target, name: str, to: str) -> str:
        return self._ask(target, f'rename "{name}" "{to}"')

    @contextmanager
    def connect(self, target: Target, name: str) -> Iterator[Connection]:
        here = self._place.folder / "connected"
        here.unlink(missing_ok=True)
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb"), os.fdopen(writing, "wb") as pipe:
            pipe.write(_login(target))
            pipe.close()
            process = subprocess.Popen(
                self._command(target, f"/dev/fd/{reading}"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(reading,),
                cwd=self._place.folder,
                env=environment(),
            )
        try:
            assert process.stdin is not None  # noqa: S101 - a pipe was asked for above
            process.stdin.write(f'get "{name}" "connected"\n'.encode())
            process.stdin.flush()
            # Its output comes when it ends, so the file that it fetches shows that it is connected.
            wait_until(lambda: here.exists() or process.poll() is not None, _TIMEOUT)
            if process.poll() is not None or not here.exists():
                said, _ = _talk(process, b"")
                raise BackendFailure(f"the client did not stay connected: {said}")
            yield _OpenConnection(process)
        finally:
            process.kill()
            process.communicate()

    def _ask(self, target: Target, command: str) -> str:
        # With --stderr all of its output comes on one stream.
        argv = (*self._command(target, "/dev/stdin"), "--stderr", "--command", command)
        try:
            run(("env", "-C", str(self._place.folder), *argv), stdin=_login(target), timeout=_TIMEOUT)
        except CommandFailed as error:
            status = first_status(error.output)
            if not status:
                raise CommandFailed(("smbclient", command), error.status, error.output) from error
            return status
        return ""

    def _command(self, target: Target, authentication: str) -> tuple[str, ...]:
        service = f"//{target.host}/{target.share}"
        inside = ("nsenter", f"--net=/run/netns/{self._place.namespace}", "--")
        return (*inside, "smbclient", service, *_OPTIONS, f"--authentication-file={authentication}")


class _OpenConnection(Connection):
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def last_words(self) -> str:
        said, status = _talk(self._process, b"ls\n")
        found = first_status(said)
        if found or status == 0:
            return found
        raise BackendFailure(f"smbclient ended with status {status}: {said}")


def _talk(process: subprocess.Popen[bytes], words: bytes) -> tuple[str, int]:
    try:
        said, _ = process.communicate(words, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise BackendFailure("smbclient did not end in time") from error
    return said.decode(errors="replace"), process.returncode


def _login(target: Target) -> bytes:
    return f"username = {target.user}\npassword = {target.password.reveal()}\n".encode()
