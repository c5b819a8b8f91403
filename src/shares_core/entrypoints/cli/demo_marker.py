"""The marker of a running demo, by which the next run can remove what a killed run has made."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

from attrs import asdict, frozen

from shares_core.adapters.linux.files import remove_durably, write_whole
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.state.locks import file_lock
from shares_core.bootstrap import Host
from shares_core.domain.addresses import MacAddress
from shares_core.domain.errors import Busy, Conflict, NotFound
from shares_core.domain.server import ShareServer
from shares_core.entrypoints.cli.demo_client import remove_client

SERVER = "shares-core-demo"


@frozen
class Marker:
    """One run of the demo. ``mac`` is its server's MAC, minted before the server has an id."""

    mac: str
    namespace: str
    device: str
    server_id: str = ""

    @classmethod
    def mint(cls) -> Self:
        """A marker for a new run, with names that no other run has."""
        token = os.urandom(6).hex()
        return cls(str(MacAddress.derived_from(token)), f"{SERVER}-{token[-6:]}", f"shd{token}")

    def is_of(self, server: ShareServer) -> bool:
        """Whether the run made the server: by its id, or by its MAC if the run did not know the id yet."""
        if self.server_id:
            return server.id == self.server_id
        return any(str(interface.mac) == self.mac for interface in server.interfaces)


class MarkerFile:
    """The marker, in the state folder, of a run that is under way or was killed."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "demo.json"
        self._lock = state_dir / "demo.lock"
        #: Where the client keeps its files; only one demo runs at a time.
        self.folder = state_dir / "demo"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other demos from running. Raises Busy at once."""
        with os_errors(f"making {self._path.parent}"):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as stack:
            try:
                stack.enter_context(file_lock(self._lock, 0, "the demo"))
            except Busy:
                raise Busy("another demo is running", hint="wait until it has ended") from None
            yield

    def read(self) -> Marker | None:
        """The existing marker. Raises Conflict if it cannot be read."""
        with os_errors(f"reading {self._path}"):
            try:
                return Marker(**json.loads(self._path.read_bytes()))
            except FileNotFoundError:
                return None
            except (ValueError, TypeError) as error:
                raise Conflict(
                    f"{self._path} is not what a demo leaves: {error}",
                    hint="look whether a server shares-core-demo is there, then remove that file",
                ) from error

    def write(self, marker: Marker) -> None:
        with os_errors(f"writing {self._path}"):
            write_whole(self._path, json.dumps(asdict(marker), indent=1).encode(), owner=os.geteuid())

    def remove(self) -> None:
        with os_errors(f"removing {self._path}"):
            remove_durably(self._path)


def remove_run(host: Host, files: MarkerFile, marker: Marker) -> bool:
    """Remove all that a run made, the marker last. Returns whether its server existed. Idempotent."""
    remove_client(marker.namespace, marker.device, files.folder)
    found = find_server(host)
    ours = found is not None and marker.is_of(found)
    if ours:
        with suppress(NotFound):  # recovering an unfinished server removes it
            host.servers.delete(SERVER, with_shares=True)
    files.remove()
    return ours


def find_server(host: Host) -> ShareServer | None:
    """The server with the demo's name, whoever made it. Raises RecordUnreadable, as ``show`` does."""
    try:
        return host.servers.show(SERVER).server
    except NotFound:
        return None
