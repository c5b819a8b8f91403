"""Floods from a compromised smbd and from clients do not affect its neighbour and the host."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from attrs import frozen

from shares_core import Capacity, ServerSettings
from shares_core.adapters.containers.settings import Limits
from shares_core.adapters.samba.profile import connections_within
from shares_core.domain.capacity import MIB
from tests.integration.support.intruder import Intruder, in_time, intruder_in
from tests.testkit.clients import ClientNamespace, SmbClient, nt_status
from tests.testkit.probes import until
from tests.testkit.site import Site, opened_site

OK = "NT_STATUS_OK"
LIMITS = Limits(Capacity(192 * MIB), 128)
CONNECTIONS = connections_within(LIMITS.memory, LIMITS.processes)


@frozen
class Street:
    """Two servers on one host: the flooded one and its neighbour."""

    site: Site
    namespace: ClientNamespace
    ada: SmbClient
    nora: SmbClient
    intruder: Intruder

    def pids(self) -> int:
        top = self.intruder.api.top(self.intruder.name)
        return len(top["Processes"])

    def has_met_its_memory(self) -> bool:
        """Whether the kernel killed something in the container for lack of memory, or the whole container."""
        state = self.intruder.inspected()["State"]
        return bool(state["OOMKilled"]) or not state["Running"]

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """The neighbour and the host's work go on before, meanwhile (asserted by the caller) and after."""
        assert all(view.problem == "" for view in self.site.host.fleet.reconcile().servers)
        self.works()
        yield
        self.works()

    def works(self) -> None:
        """Check that the neighbour is served and the host does its work, in time."""
        host = self.site.host
        with in_time(30):
            assert self.nora.put("files", "n.txt", b"nora").status == OK
            assert self.nora.get("files", "n.txt") == b"nora"
            host.access.allow("next-door", "files", "visitor")
            assert host.access.deny("next-door", "files", "visitor") is True
            assert {str(view.server.name) for view in host.servers.list()} == {"flooded", "next-door"}  # type: ignore[union-attr]

    def serves_again(self) -> None:
        """Check that a stop and a start end whatever is left of the flood."""
        self.site.host.servers.stop("flooded")
        self.site.host.servers.start("flooded")
        assert self.ada.get("files", "a.txt") == b"ada"


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    with opened_site(server=ServerSettings(memory=LIMITS.memory, processes=LIMITS.processes)) as site:
        addresses, passwords = [], []
        for server, user in (("flooded", "ada"), ("next-door", "nora")):
            view = site.host.servers.create(server)
            site.host.shares.create(server, "files", Capacity.parse("64MiB"))
            addresses.append(str(view.server.interfaces[0].addresses[0].ip))
            passwords.append(site.allow(server, "files", user))
        network = addresses[0].rpartition(".")[0]
        namespace = site.client_on(str(site.config.network.bridge), f"{network}.200/24")
        ada = site.smb(namespace, addresses[0], "ada", passwords[0])
        nora = site.smb(namespace, addresses[1], "nora", passwords[1])
        assert ada.put("files", "a.txt", b"ada").status == OK
        with intruder_in(site, "flooded") as intruder:
            yield Street(site, namespace, ada, nora, intruder)


def test_processes(street: Street) -> None:
    """A fork bomb stays within its server's limit of processes, and ends with the server."""
    with street.undisturbed():
        # Also bounded: each of them ends after some seconds.
        street.intruder.start("bomb() { [ $SECONDS -lt 8 ] && { bomb | bomb & sleep 1; }; }; bomb")
        assert until(lambda: street.pids() > LIMITS.processes // 2)
        street.works()
        assert street.pids() <= LIMITS.processes
        street.serves_again()


def test_memory(street: Street) -> None:
    """What takes endless memory is killed in its own cgroup; reconcile brings back what fell with it."""
    with street.undisturbed():
        status, _ = street.intruder.sh("head -c 2G /dev/zero | tail -c 1G > /dev/null; exit ${PIPESTATUS[1]}")
        assert status == 137  # killed
        assert all(view.problem == "" for view in street.site.host.fleet.reconcile().servers)
        assert street.ada.get("files", "a.txt") == b"ada"


def test_scratch_folders_count_as_memory(street: Street) -> None:
    """Filling the folders in memory meets the server's limit: only this server ends, and is brought back."""
    with street.undisturbed():
        folders = "/tmp /run /dev/shm /var/lib/samba /var/log/samba"
        street.intruder.sh(f"for f in {folders}; do head -c 60M /dev/zero > $f/x; done")
        assert until(street.has_met_its_memory)
        assert all(view.problem == "" for view in street.site.host.fleet.reconcile().servers)
        street.serves_again()


def test_the_log(street: Street) -> None:
    """However much a server logs, its log files on the host's disk keep their size."""
    with street.undisturbed():
        street.intruder.succeeds("yes 'a line of log without end' | head -c 40M > /proc/1/fd/1")
        log = Path(street.intruder.inspected()["LogPath"])
        most = 2 * LIMITS.log_megabytes * 1_000_000 * 1.2

        def size() -> int:
            return sum(path.stat().st_size for path in log.parent.glob(f"{log.name}*"))

        assert until(lambda: size() > most / 3)
        assert size() <= most
        assert street.ada.get("files", "a.txt") == b"ada"


def test_open_files(street: Street) -> None:
    """A process opens as many files as its limit allows, and no more."""
    script = "for ((i = 0; i < 20000; i++)); do exec {file}</dev/null || break; done 2>/dev/null; echo $i"
    with street.undisturbed():
        opened = int(street.intruder.succeeds(script))
        assert 1000 < opened < LIMITS.open_files
        assert street.ada.get("files", "a.txt") == b"ada"


def test_a_thousand_connections(street: Street) -> None:
    """Connections are bounded; existing ones stay, and clients are served after the flood."""
    address = street.ada.address
    with street.undisturbed(), street.ada.connection() as session:
        tree = street.ada.tree(session, "files")
        with ExitStack() as opened:
            with street.namespace.entered():
                for _ in range(1000):
                    attempt = opened.enter_context(socket.socket())
                    attempt.setblocking(False)
                    attempt.connect_ex((address, 445))
            assert until(lambda: street.pids() >= CONNECTIONS)
            street.works()
            assert street.pids() <= CONNECTIONS + 10
            assert nt_status(lambda: street.ada.tree(session, "files")) == OK
            # The host's tools still have room: it can still end connections.
            assert street.site.host.access.deny("flooded", "files", "ada") is True
            assert nt_status(lambda: tree.disconnect()) != OK
        street.site.host.access.allow("flooded", "files", "ada")
        assert until(lambda: street.ada.get("files", "a.txt") == b"ada")
