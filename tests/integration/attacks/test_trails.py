"""A compromised smbd forges lines of its own trails, and erases none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from attrs import frozen

from shares_core import AuditSettings, Capacity, ShareOptions
from shares_core.domain.audit import AuditAction
from shares_core.domain.capacity import MIB
from tests.integration.support.intruder import Intruder, in_time, intruder_in
from tests.reliability.watched import watching
from tests.testkit.clients import SmbClient
from tests.testkit.probes import until
from tests.testkit.site import Site, opened_site

OK = "NT_STATUS_OK"
ROOM = 1 * MIB
#: Into the log of the container, as smbd writes.
_LOG = "/proc/1/fd/1"


@frozen
class Street:
    """Two audited servers on one host, of which one has an intruder."""

    site: Site
    ada: SmbClient
    nora: SmbClient
    intruder: Intruder

    def paths(self, server: str = "broken", share: str = "files") -> list[str]:
        """What is in a trail: the paths, or what the trail says of itself."""
        return [entry.path or str(entry.action) for entry in self.site.host.shares.audit(server, share)]

    def share_id(self, server: str, share: str) -> str:
        return self.site.host.shares.show(server, share).share.id

    def files(self, server: str = "broken") -> list[Path]:
        server_id = self.site.host.servers.show(server).server.id
        return sorted((self.site.config.state_dir / "audit" / server_id).glob("*/*.jsonl"))

    def forge(self, share_id: str, path: str) -> None:
        """Say in the log that somebody deleted a file."""
        line = f"shares-audit|{share_id}|ada|10.9.9.9|unlinkat|ok|{path}"
        self.intruder.succeeds(f"printf '%s\\n' '{line}' > {_LOG}")


@pytest.fixture
def street() -> Iterator[Street]:
    with ExitStack() as stack:
        site = stack.enter_context(opened_site(audit=AuditSettings(size=Capacity(ROOM))))
        clients = []
        for server, user in (("broken", "ada"), ("next-door", "nora")):
            view = site.host.servers.create(server)
            options = ShareOptions(audit=True)
            site.host.shares.create(server, "files", Capacity.parse("64MiB"), options=options)
            address = str(view.server.interfaces[0].addresses[0].ip)
            clients.append((address, user, site.allow(server, "files", user)))
        network = clients[0][0].rpartition(".")[0]
        namespace = site.client_on(str(site.config.network.bridge), f"{network}.200/24")
        ada, nora = (site.smb(namespace, *each) for each in clients)
        yield Street(site, ada, nora, stack.enter_context(intruder_in(site, "broken")))


def test_a_flood_erases_nothing(street: Street) -> None:
    """Its own day is full, which is told; the host's disk, the neighbour and its trail are unharmed."""
    assert street.ada.put("files", "before", b"x").status == OK
    assert street.nora.put("files", "before", b"x").status == OK
    assert until(lambda: (street.paths(), street.paths("next-door")) == (["before"], ["before"]))
    (file,) = street.files()
    kept = file.read_bytes()
    line = f"shares-audit|{street.share_id('broken', 'files')}|ada|10.9.9.9|unlinkat|ok|/flood"
    street.intruder.start(f"yes '{line}' | head -c 200M > {_LOG}")
    with in_time(120):
        assert until(lambda: street.paths()[-1] == str(AuditAction.FULL), 100)
        for number in range(5):
            assert street.nora.put("files", f"meanwhile{number}", b"x").status == OK
            street.site.host.fleet.reconcile()
    assert file.read_bytes().startswith(kept)
    assert [file] == street.files()
    assert file.stat().st_size <= ROOM
    expected = ["before", *(f"meanwhile{number}" for number in range(5))]
    assert until(lambda: street.paths("next-door") == expected)
    with in_time(60):
        street.site.host.servers.stop("broken")
        street.site.host.servers.start("broken")
    assert file.read_bytes().startswith(kept)


def test_the_service_goes_on_in_a_flood(street: Street) -> None:
    """A neighbour's changes are kept in time, although a server says without end what it did."""
    line = f"shares-audit|{street.share_id('broken', 'files')}|ada|10.9.9.9|unlinkat|ok|/flood"
    with watching(street.site), street.intruder.looping(f"yes '{line}' | head -c 8M > {_LOG}"):
        for number in range(3):
            assert street.nora.put("files", f"f{number}", b"x").status == OK

            def is_kept(count: int = number + 1) -> bool:
                return sum(len(file.read_text().splitlines()) for file in street.files("next-door")) == count

            assert until(is_kept, 60)


def test_a_forged_line_stays_in_its_own_trails(street: Street) -> None:
    """Neither another server's trail nor one that is not kept, nor any other file, gets it."""
    street.site.host.shares.create("broken", "unaudited", Capacity.parse("32MiB"))
    before = {path for path in street.site.config.state_dir.rglob("*") if "servers" not in path.parts}
    server_id = street.site.host.servers.show("next-door").server.id
    theirs = street.share_id("next-door", "files")
    unkept = street.share_id("broken", "unaudited")
    for share_id in (theirs, unkept, f"../{server_id}/{theirs}", f"../../{server_id}", "..", "/etc", ""):
        street.forge(share_id, "/forged")
    street.forge(street.share_id("broken", "files"), "/etc/passwd/../\x1b[31mforged")
    assert until(lambda: street.paths() == ["/etc/passwd/../\x1b[31mforged"])
    assert ([], []) == (street.paths("next-door"), street.paths("broken", "unaudited"))
    after = {path for path in street.site.config.state_dir.rglob("*") if "servers" not in path.parts}
    assert set(street.files()) == {path for path in after - before if path.suffix == ".jsonl"}


def test_a_compromised_server_does_not_see_its_trails(street: Street) -> None:
    """They are nowhere in its container, so there is nothing to erase."""
    assert street.ada.put("files", "secret-name", b"x").status == OK
    assert until(lambda: street.paths() == ["secret-name"])
    found = street.intruder.sh("find / -name '*.jsonl' -o -name bookmark.json 2>/dev/null")[1]
    assert "" == found.strip()
