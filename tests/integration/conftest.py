"""A real host for each test module: its own state folder, pool, bridge and network."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field

import shares_core
from shares_core import AccessLevel, Capacity, FilePool, Host, HostConfig, InterfaceSpec, NotFound
from shares_core.domain.addresses import BridgeName
from shares_core.domain.network import DefaultNetwork
from shares_core.domain.server import ShareServer
from shares_core.domain.views import PasswordOutcome
from tests.integration.support.clients import ClientNamespace, SmbClient
from tests.integration.support.held import Held, holding
from tests.integration.support.leftovers import BRIDGE_PREFIX, ROOT, clean_host, remove_installation

NewServer = Callable[..., ShareServer]
NewClient = Callable[..., ClientNamespace]

_POOL = Capacity.parse("20GiB")
_bridges = itertools.count()
#: A whole kernel and a volume group are not on every machine: what needs them is then left out, and told.
SPARE_GROUP = os.environ.get("SHARES_CORE_TEST_VG", "")
collect_ignore = [] if SPARE_GROUP else ["lvm", "test_kills_on_volumes.py", "test_stock_firewall.py"]


def pytest_report_header() -> str:
    """Whether what needs a whole host is tested, in the first lines of every run."""
    if SPARE_GROUP:
        return f"logical volumes and Docker's firewall: tested, with volume group {SPARE_GROUP}"
    left_out = ", ".join(collect_ignore)
    return f"NOT run here: {left_out}; './dev integration-host' does, or SHARES_CORE_TEST_VG=<group>"


@pytest.fixture(scope="session", autouse=True)
def _clean_host() -> Iterator[None]:
    """What a killed run left is removed before the first test, unless another run is under way."""
    if os.geteuid() != 0:
        pytest.exit("integration tests need root: run them with ./dev integration", returncode=1)
    with clean_host():
        yield


@define
class Site:
    """A host under test, with its clients."""

    host: Host
    config: HostConfig
    folder: Path
    namespaces: list[ClientNamespace] = field(factory=list)

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
        """Let a new user in; gives the generated password."""
        allowed = self.host.access.allow(server, share, user, AccessLevel.parse(level))
        assert allowed.password is not None
        return allowed.password.reveal()


@define
class Tenant:
    """One server on the default network, with one share and a client beside it."""

    site: Site
    server: str
    share: str
    address: str
    namespace: ClientNamespace

    def smb(self, user: str, password: str) -> SmbClient:
        return self.site.smb(self.namespace, self.address, user, password)

    def user(self, user: str, level: str = "rw") -> SmbClient:
        """A new user with access to the share."""
        return self.smb(user, self.site.allow(self.server, self.share, user, level))

    @property
    def server_id(self) -> str:
        return self.site.host.servers.show(self.server).server.id

    def deny(self, user: str, share: str = "files") -> None:
        """End a user's access, which there was."""
        assert self.site.host.access.deny(self.server, share, user) is True

    def relevel(self, user: str, level: AccessLevel = AccessLevel.READ_WRITE) -> None:
        """Allow a user who has an account, which keeps its password."""
        allowed = self.site.host.access.allow(self.server, self.share, user, level)
        assert allowed.outcome is PasswordOutcome.KEPT


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A host with a pool and a default network of its own."""
    run = ROOT / f"run-{uuid.uuid4().hex[:8]}"
    state_dir = run
    folder = ROOT / f"files-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    bridge = f"{BRIDGE_PREFIX}{os.getpid() % 100000}d{next(_bridges)}"
    network = DefaultNetwork(BridgeName(bridge), IPv4Network("10.213.0.0/24"))
    config = evolve(HostConfig(state_dir=state_dir), network=network, pools=(FilePool(size=_POOL),))
    made = Site(shares_core.open_host(config), config, folder)
    try:
        yield made
    finally:
        for namespace in made.namespaces:
            namespace.remove()
        remove_installation(state_dir)
        remove_installation(folder)


@pytest.fixture
def tenant(site: Site) -> Iterator[Tenant]:
    """A fresh server with one empty share, ``files``, that nobody has access to yet."""
    with new_tenant(site) as made:
        yield made


@contextmanager
def new_tenant(site: Site) -> Iterator[Tenant]:
    """As ``tenant``, for as long as the block."""
    name = f"tenant-{uuid.uuid4().hex[:6]}"
    made = _tenant(site, name)
    try:
        yield made
    finally:
        made.namespace.remove()
        site.namespaces.remove(made.namespace)
        site.host.servers.delete(name, with_shares=True)


def _tenant(site: Site, name: str) -> Tenant:
    view = site.host.servers.create(name)
    site.host.shares.create(name, "files", Capacity.parse("64MiB"))
    interface = view.server.interfaces[0]
    site.namespaces.append(namespace := ClientNamespace.beside(interface))
    return Tenant(site, name, "files", str(interface.addresses[0].ip), namespace)


@pytest.fixture
def remove_after(site: Site) -> Iterator[Callable[[str], str]]:
    """Names of servers to delete with their shares when the test is over, whatever became of it."""
    names: list[str] = []

    def remember(name: str) -> str:
        names.append(name)
        return name

    yield remember
    for name in names:
        with suppress(NotFound):  # the test itself deleted it
            site.host.servers.delete(name, with_shares=True)


@pytest.fixture
def new_server(site: Site, remove_after: Callable[[str], str]) -> NewServer:
    """Makes a server with one interface and the share ``files``; it is removed after the test."""

    def make(name: str, **interface: object) -> ShareServer:
        remove_after(name)
        specs = (InterfaceSpec.parse(**interface),)  # type: ignore[arg-type]
        site.host.servers.create(name, specs)
        return site.host.shares.create(name, "files", Capacity.parse("32MiB")).server

    return make


@pytest.fixture
def client_on(site: Site) -> Iterator[NewClient]:
    """Makes clients that are gone after the test."""
    made: list[ClientNamespace] = []

    def make(bridge: str, *given: str) -> ClientNamespace:
        made.append(site.client_on(bridge, *given))
        return made[-1]

    yield make
    for namespace in made:
        site.namespaces.remove(namespace)
        namespace.remove()


@pytest.fixture
def hold() -> Iterator[Callable[..., Held]]:
    """Opens files and writes to them; all of them are let go of when the test is over."""
    with holding() as held:
        yield held


@contextmanager
def opened_site(**changes: Any) -> Iterator[Site]:
    """A further host beside the module's, with a network of its own and the settings changed."""
    run = ROOT / f"run-{uuid.uuid4().hex[:8]}"
    folder = ROOT / f"files-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    number = next(_bridges)
    bridge = f"{BRIDGE_PREFIX}{os.getpid() % 100000}d{number}"
    # The second number is the run's: others may have theirs on this machine at the same time.
    subnet = IPv4Network(f"10.{220 + os.getpid() % 30}.{1 + number % 250}.0/24")
    network = DefaultNetwork(BridgeName(bridge), subnet)
    config = evolve(HostConfig(state_dir=run, network=network, pools=(FilePool(size=_POOL),)), **changes)
    made = Site(shares_core.open_host(config), config, folder)
    try:
        yield made
    finally:
        for namespace in made.namespaces:
            namespace.remove()
        remove_installation(run)
        remove_installation(folder)
