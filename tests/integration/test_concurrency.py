"""Threads and processes that call at once get what each would get alone."""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import Callable

import pytest

from shares_core import Busy, Capacity, SharesError, bootstrap
from tests.integration.support.worker import Worker
from tests.testkit.footprint import footprint
from tests.testkit.site import Site

MIB64 = Capacity.parse("64MiB")


def at_once(*works: Callable[[], object]) -> list[object]:
    """What the works return or raise if threads start them together."""
    barrier = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = works[index]()
        except SharesError as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(works))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a thread's connection to Docker ends with it
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gc.collect()
    return results


def processes_at_once(site: Site, *jobs: tuple[str, ...]) -> list[dict[str, object]]:
    workers = [Worker(site.config, *job) for job in jobs]
    for worker in workers:
        worker.go()
    return [worker.result() for worker in workers]


def test_threads_that_create_the_same_get_the_same(site: Site, remove_after: Callable[[str], str]) -> None:
    """Callers who create one server, and one share, at the same time all get that one."""
    before = footprint(site.config)
    name = remove_after("same")
    servers = at_once(*[lambda: site.host.servers.create(name).server.id] * 3)
    assert len(set(map(str, servers))) == 1, servers
    shares = at_once(*[lambda: site.host.shares.create(name, "files", MIB64).share.id] * 3)
    assert len(set(map(str, shares))) == 1, shares
    after = footprint(site.config)
    assert [len(after[what]) - len(before[what]) for what in ("containers", "mounts", "loops")] == [1, 1, 1]
    sizes = at_once(
        lambda: site.host.shares.create(name, "other", MIB64).share.id,
        lambda: site.host.shares.create(name, "other", Capacity.parse("32MiB")).share.id,
    )
    assert sorted(type(size).__name__ for size in sizes) == ["AlreadyExists", "str"]
    site.host.servers.delete(name, with_shares=True)
    assert footprint(site.config) == before


def test_processes_that_create_the_same_get_the_same(site: Site, remove_after: Callable[[str], str]) -> None:
    """Processes behave like threads."""
    name = remove_after("shared")
    servers = processes_at_once(site, *[("create server", name)] * 3)
    ids = {str(each.get("id")) for each in servers}
    assert ids == {site.host.servers.show(name).server.id}, servers
    shares = processes_at_once(site, *[("create share", name, "files", "64MiB")] * 3)
    found = site.host.shares.show(name, "files")
    assert {str(each.get("id")) for each in shares} == {found.share.id}, shares
    assert len(site.host.shares.list(name)) == 1


def test_servers_created_at_once_get_different_addresses(
    site: Site, remove_after: Callable[[str], str]
) -> None:
    """Processes and threads that create different servers at once get different addresses and user ids."""
    names = [remove_after(f"crowd-{number}") for number in range(4)]
    results = processes_at_once(site, *[("create server", name) for name in names[:2]])
    assert all("id" in result for result in results), results
    at_once(*[lambda name=name: site.host.servers.create(name) for name in names[2:]])
    servers = [site.host.servers.show(name).server for name in names]
    assert len({str(server.interfaces[0].addresses[0]) for server in servers}) == 4
    assert len({str(server.interfaces[0].mac) for server in servers}) == 4
    assert len({server.uid for server in servers}) == 4
    client = site.client_on(str(site.config.network.bridge), "10.213.0.201/24")
    assert all(client.reaches(str(server.interfaces[0].addresses[0].ip)) for server in servers)


def test_work_on_one_server_does_not_block_another(site: Site, remove_after: Callable[[str], str]) -> None:
    """While one is held, everything may be done to others, and to all of them."""
    held, free = remove_after("held"), remove_after("free")
    server_id = site.host.servers.create(held).server.id
    with bootstrap.ports(site.config).locks.server(server_id):
        hasty = site.hasty
        hasty.servers.create(free)
        hasty.shares.create(free, "files", MIB64)
        hasty.access.allow(free, "files", "ada")
        hasty.access.deny(free, "files", "ada")
        hasty.shares.extend(free, "files", Capacity.parse("80MiB"))
        hasty.shares.delete(free, "files")
        hasty.servers.stop(free)
        hasty.servers.start(free)
        hasty.servers.upgrade(free)
        hasty.servers.delete(free)
        assert hasty.fleet.reconcile().is_empty
        with pytest.raises(Busy, match=server_id):
            hasty.servers.stop(held)
