"""Each campaign on this machine: what it does, and the figures that it returns."""

import socket
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import partial
from random import Random
from typing import Any

import docker
from attrs import frozen
from smbprotocol.connection import Connection
from smbprotocol.exceptions import SMBException
from tests.reliability.callers import Callers, overlap, run
from tests.reliability.kills import Campaign
from tests.reliability.soak import Soak
from tests.reliability.watched import servers_kept_up
from tests.settings import with_image
from tests.testkit.clients import ClientNamespace
from tests.testkit.site import Site, opened_site
from tools.reliability.results import Store

import shares_core
from shares_core import Capacity
from shares_core.domain.views import ServerView

Figures = dict[str, Any]
_CALLERS_SECONDS = 3 * 3600.0
_CYCLES, _MEASURED = 1000, 20
_MENDED_SECONDS, _UPGRADED_SECONDS = 2, 1.5
_LOOKED_SECONDS, _LOOKED_SECONDS_A_SHARE = 0.05, 0.005
_SIZE = Capacity.parse("16MiB")


@frozen
class Named:
    """A campaign, and what it shows, in one sentence for the page."""

    name: str
    shows: str
    work: Callable[[Store], Figures]


def kills(store: Store) -> Figures:
    """Every possible kill; those of an earlier run are not repeated."""
    kept = store.load("kills") or {}
    died: dict[str, bool] = kept.get("died", {})
    with opened_site() as site:
        campaign = Campaign(site.config)
        with campaign.begun():
            wanted = campaign.kills()
            Random(store.seed).shuffle(wanted)
            for kill in wanted:
                if str(kill) not in died:
                    died[str(kill)] = campaign.run(kill)
                    store.save("kills", {"died": died}, done=False)
    figures = {"operations": len(died), "kills": sum(died.values()), "losses": 0}
    return {"died": died, "too_short": len(died) - figures["kills"]} | figures


def callers(store: Store) -> Figures:
    """8 processes with 4 threads each, 2,000 operations a process."""
    with opened_site() as site:
        many = Callers(site.config, site.folder, store.seed)
        with many.prepared():
            outcome = run(many, site.namespaces, _CALLERS_SECONDS)
            ratio = overlap(many)
    return {
        "operations": outcome.operations,
        "conflicts": outcome.errors,
        "seconds": round(outcome.seconds),
        "written": outcome.written,
        "overlap": round(ratio, 2),
        "losses": 0,
    }


def soak(store: Store) -> Figures:
    """1,000 cycles in one process."""
    with opened_site() as site:
        grown = Soak(site.config, site.folder).run(_CYCLES)
    assert grown == {}, grown
    return {"operations": _CYCLES * 6, "cycles": _CYCLES, "losses": 0}


def watch(store: Store) -> Figures:
    """How long a server is away after its container is killed, until its port answers again."""
    seconds = []
    with opened_site() as site, servers_kept_up(site, _MEASURED) as (client, servers), _shares_on_all(site):
        for server_id, address in servers:  # each once: a server that keeps ending is brought back ever later
            _until_it_answers(client, address)
            began = time.monotonic()
            with closing(docker.from_env()) as api:
                api.containers.get(f"shares-{server_id}").kill()
            _until_it_answers(client, address)
            seconds.append(time.monotonic() - began)
    return {"operations": _MEASURED, "losses": 0, "goal": _MENDED_SECONDS} | _times(seconds)


@contextmanager
def _shares_on_all(site: Site) -> Iterator[None]:
    """Give each server a share that somebody may use."""
    names = [str(view.server.name) for view in site.host.servers.list() if isinstance(view, ServerView)]
    for name in names:
        site.host.shares.create(name, "files", _SIZE)
        site.host.access.allow(name, "files", "ada")
    try:
        yield
    finally:
        for name in names:
            site.host.shares.delete(name, "files")


def upgrade(store: Store) -> Figures:
    """How long a server is away while it gets another image."""
    with opened_site() as site, closing(docker.from_env()) as api:
        name = "shares-core-test-upgraded"
        base = api.containers.create(site.config.docker.image)
        try:
            for number in range(2):
                base.commit(repository=name, tag=str(number), changes=f'LABEL test="{number}"')
        finally:
            base.remove(force=True)
        try:
            seconds = _upgraded(site, name)
        finally:
            for number in range(2):
                api.images.remove(f"{name}:{number}", force=True)
    return {"operations": _MEASURED, "losses": 0, "goal": _UPGRADED_SECONDS} | _times(seconds)


def _upgraded(site: Site, name: str) -> list[float]:
    """The time from the end of a client's connection until the server accepts one again."""
    hosts = [shares_core.open_host(with_image(site.config, f"{name}:{number}")) for number in range(2)]
    interface = hosts[1].servers.create("upgraded").server.interfaces[0]
    hosts[1].shares.create("upgraded", "files", _SIZE)
    hosts[1].access.allow("upgraded", "files", "ada")
    try:
        site.namespaces.append(client := ClientNamespace.beside(interface))
        address, seconds = str(interface.addresses[0].ip), []
        for number in range(_MEASURED):
            _until_it_answers(client, address)
            with client.entered():
                connection = socket.create_connection((address, 445))
            with connection, ThreadPoolExecutor() as beside:
                away = beside.submit(_away, client, connection, address)
                hosts[number % 2].servers.upgrade("upgraded")
                seconds.append(away.result())
        return seconds
    finally:
        hosts[0].servers.delete("upgraded", with_shares=True)


def _away(client: ClientNamespace, connection: socket.socket, address: str) -> float:
    """How long the server at the other end is away."""
    with suppress(OSError):
        connection.recv(1)
    began = time.monotonic()
    _until_it_answers(client, address)
    return time.monotonic() - began


def look(servers: int, shares: int, store: Store) -> Figures:
    """How long it takes to see that this many servers with this many shares are as recorded."""
    seconds = []
    with opened_site() as site:
        for server in range(servers):
            site.host.servers.create(f"many-{server}")
        for share in range(shares):
            site.host.shares.create(f"many-{share % servers}", f"share-{share}", _SIZE)
        try:
            for _ in range(_MEASURED + 1):
                began = time.monotonic()
                assert site.host.fleet.reconcile().is_empty
                seconds.append(time.monotonic() - began)
        finally:
            for server in range(servers):
                site.host.servers.delete(f"many-{server}", with_shares=True)
    goal = _LOOKED_SECONDS + shares * _LOOKED_SECONDS_A_SHARE
    return {"operations": _MEASURED, "losses": 0, "goal": goal} | _times(seconds[1:])


def _until_it_answers(client: ClientNamespace, address: str) -> None:
    """Ask again and again until smbd itself answers: the kernel still accepts connections for an ending smbd.

    Each try is short, because a lost packet is sent again only after a second, which is not the server's
    time.
    """
    deadline = time.monotonic() + 60
    with client.entered():
        while True:
            assert time.monotonic() < deadline, "the server did not come back"
            with suppress(OSError, ValueError, SMBException):
                socket.create_connection((address, 445), timeout=0.05).close()
                negotiating = Connection(uuid.uuid4(), address, 445)
                negotiating.connect(timeout=5)
                negotiating.disconnect(close=False)
                return


def _times(seconds: list[float]) -> Figures:
    return {"median": round(statistics.median(seconds), 3), "longest": round(max(seconds), 3)}


CAMPAIGNS = (
    Named("kills", "a process is killed before, in and after every port call of ten operations", kills),
    Named(
        "callers", "8 processes of 4 threads on 6 servers and 24 to 56 shares, while clients write", callers
    ),
    Named("soak", "a server and its share are made, used and deleted 1,000 times: nothing grows", soak),
    Named("watch", "a container is killed: until its server answers clients again", watch),
    Named("upgrade", "a server gets another image: for how long it is away", upgrade),
    Named(
        "reconcile",
        "6 servers with 40 shares are as recorded: how long it takes to see that",
        partial(look, 6, 40),
    ),
    Named("reconcile-one", "1 server with 1 share is: how long it takes to see that", partial(look, 1, 1)),
)
