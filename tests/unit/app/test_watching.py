"""The service repairs at once, then ever less often, and notices what nobody announces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from typing import Any

import pytest
from attrs import evolve
from tests.unit.world import NETWORK, PASSWORD, RW, SMALL, World

from shares_core import bootstrap
from shares_core.app.watch.watcher import LOOK_SECONDS, Watcher
from shares_core.domain.backoff import Backoff
from shares_core.domain.capacity import MIB
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.schedules import Schedule
from shares_core.testing import Call, FaultPlan, memory_ports


@pytest.fixture
def watcher(world: World) -> Iterator[Watcher]:
    with bootstrap.watcher(memory_ports(world.machine), NETWORK) as made:
        yield made


def told(world: World) -> list[tuple[str, str]]:
    return [(event.what, event.subject) for event in world.machine.events]


def a_round(watcher: Watcher) -> None:
    """A round, with the repairs and the periodic work that it starts, which run in their own threads."""
    watcher.round()
    periodic = (watcher._collector._working, watcher._scheduler._working)
    wait(watcher._working.values(), 10)
    wait([each for each in periodic if each is not None], 10)


def rounds_until(watcher: Watcher, condition: Callable[[], bool], rounds: int = 200) -> bool:
    """Whether the condition holds within that many rounds, of at most a second each."""
    for _ in range(rounds):
        a_round(watcher)
        if condition():
            return True
    return False


def let_pass(watcher: Watcher, world: World, seconds: float) -> None:
    until = world.machine.uptime + seconds
    assert rounds_until(watcher, lambda: world.machine.uptime >= until, rounds=10 * round(seconds))


def admits(world: World) -> bool:
    return {("files", "ada"): RW} == world.admitted()


@pytest.fixture
def served(world: World) -> World:
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    return world


@pytest.mark.parametrize("shock", ["reboot", "restart_docker"])
def test_it_begins_with_a_reconcile(served: World, shock: str, watcher: Watcher) -> None:
    """So that a boot needs no person."""
    getattr(served.machine, shock)()
    assert rounds_until(watcher, lambda: admits(served))


def test_a_container_that_ends_is_brought_back(served: World, watcher: Watcher) -> None:
    """Every time."""
    rounds_until(watcher, lambda: True)
    for _ in range(3):
        served.machine.kill_container(served.machine.server_id("tenant"))
        assert not admits(served)
        assert rounds_until(watcher, lambda: admits(served))


def test_a_server_stopped_or_deleted_on_purpose_is_left(served: World, watcher: Watcher) -> None:
    """Although its container has ended."""
    rounds_until(watcher, lambda: True)
    served.host.servers.stop("tenant")
    served.host.servers.create("gone")
    served.host.servers.delete("gone")
    let_pass(watcher, served, LOOK_SECONDS + 1)
    assert ({}, []) == (served.machine.containers, [e for e in told(served) if "repair" in e[0]])


def test_unannounced_changes_are_noticed_within_a_minute(served: World, watcher: Watcher) -> None:
    """Like a share that was unmounted by hand."""
    rounds_until(watcher, lambda: True)
    served.machine.mounts.clear()
    assert rounds_until(watcher, lambda: admits(served))
    assert served.machine.uptime <= LOOK_SECONDS + 5


def test_the_service_waits_for_docker(served: World, watcher: Watcher) -> None:
    """Then it looks at everything, because nobody announced what ended meanwhile."""
    rounds_until(watcher, lambda: True)
    served.machine.docker_up = False
    for _ in range(3):
        watcher.round()
    assert ("cannot watch", "Docker does not answer") in told(served)
    served.machine.restart_docker()
    served.machine.docker_up = True
    assert rounds_until(watcher, lambda: admits(served))


def test_an_image_that_fails_is_tried_once(served: World, watcher: Watcher) -> None:
    """At the start; after that the server keeps its image, or it would be away again."""
    served.machine.image = "image-2"
    served.machine.smbd_fails, served.machine.good_images = "no such option", frozenset({"image-1"})
    assert rounds_until(watcher, lambda: any(what == "repair failed" for what, _ in told(served)))
    assert rounds_until(watcher, lambda: admits(served))
    before = list(served.machine.ended)
    let_pass(watcher, served, 3 * LOOK_SECONDS)
    assert before == served.machine.ended
    assert admits(served)


def test_a_server_that_cannot_be_repaired_is_tried_ever_less_often(served: World, watcher: Watcher) -> None:
    """The others are repaired meanwhile."""
    served.served(server="other")
    rounds_until(watcher, lambda: True)
    served.machine.smbd_fails = "out of luck"
    tenant = served.machine.server_id("tenant")
    served.machine.kill_container(tenant)
    let_pass(watcher, served, 40)
    tries = [server_id for server_id in served.machine.ended if server_id == tenant]
    assert 3 <= len(tries) <= 9
    assert [what for what, _ in told(served)].count("repair failed") in (1, 2)
    served.machine.smbd_fails = ""
    assert rounds_until(watcher, lambda: admits(served))
    assert rounds_until(watcher, lambda: {} == served.admitted("other"))


def test_ends_during_and_after_repairs_count_alike(served: World) -> None:
    """A server that never stays up for long is brought up ever less often."""
    machine = served.machine
    tenant = machine.server_id("tenant")

    def fails_every_second_time(call: Call, proceed: Callable[[], Any]) -> Any:
        if str(call) == "runtime.wait_ready":
            machine.smbd_fails = "" if machine.smbd_fails else "out of luck"
        return proceed()

    with bootstrap.watcher(memory_ports(machine, faults=fails_every_second_time), NETWORK) as watcher:
        rounds_until(watcher, lambda: True)
        began = machine.uptime
        machine.kill_container(tenant)
        while machine.uptime < began + 60:
            a_round(watcher)
            if admits(served):
                machine.kill_container(tenant)
    assert 6 <= len(machine.ended) <= 8  # at 0, 1, 3, 7, 15, 31 seconds; two counts allowed nine


def test_a_lasting_trouble_is_reported_once_and_again_when_it_returns(
    served: World, watcher: Watcher
) -> None:
    """The service remembers what it reported of which server, whatever the server's name."""
    served.served(server="tenant.2")
    for _ in range(2):
        for server in ("tenant", "tenant.2"):
            served.ruin(server)
        let_pass(watcher, served, 3 * LOOK_SECONDS)
        for server in ("tenant", "tenant.2"):
            served.host.shares.check(server, "files", repair=True)
        let_pass(watcher, served, 2 * LOOK_SECONDS)
    failures = Counter(subject for what, subject in told(served) if what == "repair failed")
    # First that it cannot be served as it is, then that it has failed.
    assert (4, {2}) == (len(failures), {*failures.values()})
    assert {"tenant", "tenant.2"} == {subject.partition(":")[0] for subject in failures}


def test_a_share_that_stays_failed_does_not_keep_others_down(served: World, watcher: Watcher) -> None:
    """Its server is tried ever less often, but still brought back at once when it ends."""
    served.host.shares.create("tenant", "well", SMALL)
    served.host.access.allow("tenant", "well", "ada", RW, PASSWORD)
    served.ruin()
    machine = served.machine
    let_pass(watcher, served, 5 * LOOK_SECONDS)
    ups = [what for what, _ in told(served)].count("server up")
    let_pass(watcher, served, 5 * LOOK_SECONDS)
    assert ups == [what for what, _ in told(served)].count("server up")  # there is nothing to do for it
    for _ in range(3):
        machine.kill_container(machine.server_id("tenant"))
        killed = machine.uptime
        assert rounds_until(watcher, lambda: {("well", "ada"): RW} == served.admitted())
        assert machine.uptime - killed <= 1
        let_pass(watcher, served, 2 * LOOK_SECONDS)


def test_a_server_that_another_caller_holds_is_repaired_right_after(served: World) -> None:
    """However long that takes; and it is upgraded then if it should be."""
    machine = served.machine
    tenant = machine.server_id("tenant")
    machine.image = "image-2"
    with bootstrap.watcher(memory_ports(machine, lock_timeout=0), NETWORK) as watcher:
        with memory_ports(machine).locks.server(tenant):
            let_pass(watcher, served, 5 * LOOK_SECONDS)
        freed = machine.uptime
        assert rounds_until(watcher, lambda: machine.containers[tenant].image == "image-2")
        assert rounds_until(watcher, lambda: admits(served))
        assert machine.uptime - freed <= 4


def test_after_missed_events_everything_is_looked_at(served: World) -> None:
    """Without waiting for the next look."""
    machine = served.machine

    def forgetful(call: Call, proceed: Callable[[], Any]) -> Any:
        answer = proceed()
        return evolve(answer, server_ids=(), complete=False) if str(call) == "runtime.ended" else answer

    with bootstrap.watcher(memory_ports(machine, faults=forgetful), NETWORK) as watcher:
        let_pass(watcher, served, 10)
        machine.kill_container(machine.server_id("tenant"))
        killed = machine.uptime
        assert rounds_until(watcher, lambda: admits(served))
        assert machine.uptime - killed < LOOK_SECONDS / 2


def test_a_host_short_of_resources_does_not_end_the_service(served: World) -> None:
    """Of threads, say: then calls raise what no port has promised."""
    short = {"runtime.ended": 2, "runtime.bookmark": 2, "network.plug": 1, "records.load_all": 1}

    def out_of_threads(call: Call, proceed: Callable[[], Any]) -> Any:
        if short.get(str(call), 0):
            short[str(call)] -= 1
            raise RuntimeError("can't start new thread")
        return proceed()

    with bootstrap.watcher(memory_ports(served.machine, faults=out_of_threads), NETWORK) as watcher:
        served.machine.reboot()
        assert rounds_until(watcher, lambda: admits(served) and not any(short.values()))
    assert ("cannot watch", "can't start new thread") in told(served)


def test_without_any_events_everything_is_still_looked_at(served: World) -> None:
    """As with a proxy to Docker that does not pass them on."""
    plan = FaultPlan().on("runtime.ended", times=None)
    with bootstrap.watcher(memory_ports(served.machine, faults=plan), NETWORK) as watcher:
        let_pass(watcher, served, 5)
        served.machine.mounts.clear()
        assert rounds_until(watcher, lambda: admits(served))


def test_no_failing_call_ends_the_service(served: World) -> None:
    """It goes on whatever call fails."""
    plan = FaultPlan().on("runtime.ended").on("runtime.bookmark").on("records.load_all").on("network.plug")
    with bootstrap.watcher(memory_ports(served.machine, faults=plan), NETWORK) as watcher:
        served.machine.reboot()
        assert rounds_until(watcher, lambda: admits(served))


@pytest.mark.parametrize(
    ("needed", "due"),
    [
        ((0,), (0,)),
        ((0, 0, 0, 0), (0, 1, 2, 4)),
        ((5, 6, 100, 100.5), (5, 7, 100, 101.5)),
        ((0,) * 8, (0, 1, 2, 4, 8, 16, 32, 60)),
    ],
)
def test_attempts_come_ever_later(needed: tuple[float, ...], due: tuple[float, ...]) -> None:
    """The first at once; after a minute of calm, earlier attempts do not count."""
    backoff, dues = Backoff(), []
    for now in needed:
        backoff = backoff.needed(now)
        dues.append(backoff.last)
    assert list(due) == dues


def test_a_long_attempt_is_not_calm() -> None:
    """Work that fails after two minutes each time is still tried ever later."""
    backoff, waits = Backoff(1), []
    for now in range(120, 1200, 120):
        backoff = backoff.failed(now)
        waits.append(backoff.last - now)
    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == waits


def test_work_that_fails_for_days_is_still_tried_once_a_minute() -> None:
    """However often it has."""
    backoff = Backoff()
    for now in range(5000):
        backoff = backoff.failed(now)
    assert 60 == backoff.delay


def test_a_share_that_runs_out_of_room_is_told_once(served: World, watcher: Watcher) -> None:
    """Again only if it had room meanwhile: how much is left changes with every look."""
    files = served.content().files

    def looked() -> int:
        let_pass(watcher, served, LOOK_SECONDS + 2)
        return len([what for what, _ in told(served) if what == "share nearly full"])

    assert 0 == looked()
    for left, count in ((2 * MIB, 1), (1 * MIB, 1), (32 * MIB, 1), (2 * MIB, 2)):
        files["large"] = bytes(served.content().total - left)
        assert count == looked()
    expected = ("share nearly full", "tenant/files: has only 2 MiB of 63 MiB left")
    assert 2 == told(served).count(expected)


def test_scheduled_snapshots_are_taken_and_removed(served: World, watcher: Watcher) -> None:
    """One in each hour, of which the last two are kept; what a person took stays."""
    served.host.schedules.set("tenant", "files", Schedule(hourly=2))
    served.host.snapshots.create("tenant", "files", "mine")

    def taken() -> list[str]:
        return [str(each.name) for each in served.share("tenant", "files").snapshots]

    counts = []
    for _ in range(4):
        before = taken()
        assert rounds_until(watcher, lambda before=before: taken()[-1:] != before[-1:])  # type: ignore[misc]
        let_pass(watcher, served, 100)
        counts.append(len(taken()))
        served.machine.time += 3600
    assert ([2, 3, 3, 3], "mine") == (counts, taken()[0])


def test_a_schedule_that_fails_is_told_once_and_hinders_nobody(served: World, watcher: Watcher) -> None:
    served.host.schedules.set("tenant", "files", Schedule(hourly=2))
    served.machine.snapshot_way = SnapshotWay.COPYING
    let_pass(watcher, served, 200)
    failures = [what for what, _ in told(served) if what == "snapshot failed"]
    assert 1 == len(failures)
    assert admits(served)
