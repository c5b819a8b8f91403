"""A real host for each test module, with servers and clients that go with the test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from attrs import define

from shares_core import AccessLevel, Capacity, InterfaceSpec, NotFound
from shares_core.domain.server import ShareServer
from shares_core.domain.views import PasswordOutcome
from tests.integration.support.held import Held, holding
from tests.testkit.clients import ClientNamespace, SmbClient
from tests.testkit.leftovers import clean_host
from tests.testkit.site import Site, opened_site

NewServer = Callable[..., ShareServer]
NewClient = Callable[..., ClientNamespace]

#: A whole kernel and a volume group are not on every machine: what needs them is then left out, and told.
SPARE_GROUP = os.environ.get("SHARES_CORE_TEST_VG", "")
_WITHOUT_A_KERNEL = ["lvm", "test_case_fold.py", "test_kills_on_volumes.py", "test_stock_firewall.py"]
#: smbtorture waits for answers in a time that an emulated machine does not keep.
_EMULATED = ["test_conformance.py"]
collect_ignore = _EMULATED if SPARE_GROUP else _WITHOUT_A_KERNEL


def pytest_report_header() -> str:
    """Whether what needs a whole host is tested, in the first lines of every run."""
    left_out = ", ".join(collect_ignore)
    if SPARE_GROUP:
        return f"tested with volume group {SPARE_GROUP}; NOT run here: {left_out}"
    return f"NOT run here: {left_out}; './dev integration-host' does, or SHARES_CORE_TEST_VG=<group>"


@pytest.fixture(scope="session", autouse=True)
def _clean_host() -> Iterator[None]:
    """What a killed run left is removed before the first test, unless another run is under way."""
    if os.geteuid() != 0:
        pytest.exit("integration tests need root: run them with ./dev integration", returncode=1)
    with clean_host():
        yield


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
    with opened_site(subnet="10.213.0.0/24") as made:
        yield made


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
