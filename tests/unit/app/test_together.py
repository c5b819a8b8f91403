from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.unit.world import NETWORK, PASSWORD, RW, SMALL, World, on

from shares_core.bootstrap import Host, host
from shares_core.domain.errors import AddressTaken, Busy, NotFound, SharesError
from shares_core.testing import Call, FaultPlan, intercept, memory_ports

CALLERS = 4


def all_at_once(world: World, work: Callable[[Host, int], object]) -> list[object]:
    """What several processes return or raise if they start together."""
    start = threading.Barrier(CALLERS)

    def caller(number: int) -> object:
        process = world.process()
        start.wait()
        try:
            return work(process, number)
        except SharesError as error:
            return error

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(caller, range(CALLERS)))


def test_callers_who_create_the_same_server_get_the_same(world: World) -> None:
    """One makes it, the others get it too."""
    answers = all_at_once(world, lambda process, _: process.servers.create("tenant"))
    assert [answers[0]] * CALLERS == answers
    assert (
        1 == len(world.machine.records) == len(world.machine.containers) == len(world.machine.lock_table.kept)
    )


def test_callers_who_create_servers_get_different_addresses(world: World) -> None:
    """No address, MAC, device or user id is used twice."""
    all_at_once(world, lambda process, number: process.servers.create(f"tenant-{number}"))
    records = [world.record(f"tenant-{number}") for number in range(CALLERS)]
    for key in (
        {record.interfaces[0].addresses for record in records},
        {record.interfaces[0].mac for record in records},
        {record.uid for record in records},
        set(world.machine.links),
    ):
        assert CALLERS == len(key)


def test_callers_who_want_one_address_do_not_share_it(world: World) -> None:
    """One gets it; the others' error names its holder, and they leave nothing."""
    answers = all_at_once(
        world, lambda process, number: process.servers.create(f"tenant-{number}", on("br-a", "10.0.0.5/24"))
    )
    assert CALLERS - 1 == sum(isinstance(answer, AddressTaken) for answer in answers)
    assert (
        1 == len(world.machine.records) == len(world.machine.containers) == len(world.machine.lock_table.kept)
    )


def test_callers_who_create_the_same_share_get_the_same(world: World) -> None:
    """One volume is made."""
    world.host.servers.create("tenant")
    answers = all_at_once(world, lambda process, _: process.shares.create("tenant", "files", SMALL))
    assert [answers[0]] * CALLERS == answers
    assert 1 == len(world.machine.volumes)


def test_callers_who_allow_different_users_all_succeed(world: World) -> None:
    """No rule overwrites another."""
    world.served()
    all_at_once(
        world, lambda process, number: process.access.allow("tenant", "files", f"user{number}", RW, PASSWORD)
    )
    assert {("files", f"user{number}"): RW for number in range(CALLERS)} == world.admitted()


def test_callers_who_delete_the_same_server_leave_nothing(world: World) -> None:
    """One removes it; the others find that it is gone."""
    world.served()
    answers = all_at_once(world, lambda process, _: process.servers.delete("tenant", with_shares=True))
    assert {} == world.leftovers()
    assert CALLERS - 1 == sum(isinstance(answer, NotFound) for answer in answers)


def test_deleting_the_last_two_servers_of_a_bridge_at_once_removes_it(world: World) -> None:
    """Each still sees the other's record; neither may leave the bridge to the other."""
    world.host.servers.create("a", on("br-t", "10.0.0.5/24"))
    world.host.servers.create("b", on("br-t", "10.0.0.6/24"))

    def meanwhile(call: Call, proceed: Callable[[], object]) -> object:
        if str(call) == "folders.remove":
            world.host.servers.delete("b")
        return proceed()

    host(intercept(memory_ports(world.machine), meanwhile), NETWORK).servers.delete("a")
    assert {} == world.leftovers()


def test_a_caller_who_waits_too_long_gets_busy(world: World) -> None:
    """It changes nothing."""
    world.served()
    before = world.record("tenant")
    held, done = threading.Event(), threading.Event()

    def holder() -> None:
        with memory_ports(world.machine).locks.server(before.id):
            held.set()
            done.wait()

    thread = threading.Thread(target=holder)
    thread.start()
    try:
        held.wait()
        with pytest.raises(Busy):
            world.process(lock_timeout=0).shares.delete("tenant", "files")
        assert (before, True) == (world.record("tenant"), bool(world.host.servers.show("tenant")))
    finally:
        done.set()
        thread.join()


def test_a_waiting_caller_makes_what_the_first_one_could_not(world: World) -> None:
    """The first one's create fails while the second waits for it."""
    reached, waiting = threading.Event(), threading.Event()
    plan = FaultPlan().on("runtime.wait_ready")

    def pausing(call: Call, proceed: Callable[[], object]) -> object:
        if str(call) == "runtime.wait_ready":
            reached.set()
            waiting.wait()
        return plan(call, proceed)

    def announcing(call: Call, proceed: Callable[[], object]) -> object:
        if str(call) == "locks.server" and call.args[0] in world.machine.records:
            waiting.set()
        return proceed()

    first = host(intercept(memory_ports(world.machine), pausing), NETWORK)
    second = host(intercept(memory_ports(world.machine), announcing), NETWORK)
    with ThreadPoolExecutor(2) as pool:
        failing = pool.submit(first.servers.create, "tenant")
        reached.wait()
        made = pool.submit(second.servers.create, "tenant").result()
        assert isinstance(failing.exception(), SharesError)
    assert made == world.host.servers.show("tenant")
    assert 1 == len(world.machine.containers) == len(world.machine.records)


def test_claims_are_never_held_over_the_work(world: World) -> None:
    """While they are held only records are touched, so nobody waits for another's container or volume."""
    during: set[str] = set()

    def watching(call: Call, proceed: Callable[[], object]) -> object:
        if "claims" in world.machine.lock_table.held:
            during.add(call.port)
        return proceed()

    process = host(intercept(memory_ports(world.machine), watching), NETWORK)
    process.servers.create("tenant")
    process.shares.create("tenant", "files", SMALL)
    process.access.allow("tenant", "files", "ada")
    process.servers.delete("tenant", with_shares=True)
    assert {"records", "ids"} == during
