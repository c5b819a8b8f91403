"""A host under test: a separate installation, which leaves nothing."""

from __future__ import annotations

import itertools
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from attrs import define, evolve, field

import shares_core
from shares_core import AccessLevel, Capacity, FilePool, Host, HostConfig
from shares_core.domain.addresses import BridgeName
from shares_core.domain.network import DefaultNetwork
from tests.testkit.clients import ClientNamespace, SmbClient
from tests.testkit.leftovers import BRIDGE_PREFIX, ROOT, remove_installation

#: The size of the pool.
POOL = Capacity.parse("20GiB")
_bridges = itertools.count()


@define
class Site:
    """A host under test, with its clients."""

    host: Host
    config: HostConfig
    folder: Path
    namespaces: list[ClientNamespace] = field(factory=list)

    @property
    def installation(self) -> str:
        """The id that its containers and devices bear."""
        found = json.loads((self.config.state_dir / "installation.json").read_text())["id"]
        assert isinstance(found, str)
        return found

    @property
    def hasty(self) -> Host:
        """A caller that waits for nobody: if it had to, it gets Busy."""
        return shares_core.open_host(evolve(self.config, lock_timeout=0))

    def new_bridge(self) -> str:
        """A bridge's name that no other test has."""
        return f"{BRIDGE_PREFIX}{os.getpid() % 100000}x{next(_bridges)}"

    def client_on(self, bridge: str, *addresses: str) -> ClientNamespace:
        """A client's namespace on a bridge that exists."""
        namespace = ClientNamespace.create(bridge, *addresses)
        self.namespaces.append(namespace)
        return namespace

    def smb(self, namespace: ClientNamespace, address: str, user: str, password: str) -> SmbClient:
        return SmbClient(namespace, address, user, password, self.folder)

    def allow(self, server: str, share: str, user: str, level: str = "rw") -> str:
        """Let a new user in. Returns the generated password."""
        allowed = self.host.access.allow(server, share, user, AccessLevel.parse(level))
        assert allowed.password is not None
        return allowed.password.reveal()


@contextmanager
def opened_site(*, subnet: str = "", **changes: Any) -> Iterator[Site]:
    """A host with its own state folder, pool and default network; the end of the block removes what it made.

    ``changes`` are to its settings. A test run may open several, and several runs may be under way.
    """
    run = ROOT / f"run-{uuid.uuid4().hex[:8]}"
    folder = ROOT / f"files-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    number = next(_bridges)
    bridge = f"{BRIDGE_PREFIX}{os.getpid() % 100000}d{number}"
    # The second number is the run's: other runs may work on this machine at the same time.
    chosen = subnet or f"10.{220 + os.getpid() % 30}.{1 + number % 250}.0/24"
    network = DefaultNetwork(BridgeName(bridge), IPv4Network(chosen))
    config = evolve(HostConfig(state_dir=run, network=network, pools=(FilePool(size=POOL),)), **changes)
    made = Site(shares_core.open_host(config), config, folder)
    try:
        yield made
    finally:
        for namespace in made.namespaces:
            namespace.remove()
        remove_installation(run)
        remove_installation(folder)
