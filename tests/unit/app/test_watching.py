"""What keeps the servers up: mends at once, then ever less often, and sees what nobody announces."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.unit.world import NETWORK, PASSWORD, RW, World

from shares_core import bootstrap
from shares_core.adapters.memory import FaultPlan, memory_ports
from shares_core.adapters.waiting import wait_until
from shares_core.app.watching import LOOK_SECONDS, Watcher
from shares_core.domain.backoff import Backoff


@pytest.fixture
def watcher(world: World) -> Iterator[Watcher]:
    with bootstrap.watcher(memory_ports(world.machine), NETWORK) as made:
        yield made


def told(world: World) -> list[tuple[str, str]]:
    return [(event.what, event.subject) for event in world.machine.events]


def rounds_until(watcher: Watcher, condition: Callable[[], bool]) -> bool:
    """A mend runs beside the rounds, in a thread of its own."""

    def after_a_round() -> bool:
        watcher.round()
        return condition()

    return wait_until(after_a_round, 10)


def admits(world: World) -> bool:
    return {("files", "ada"): RW} == world.admitted()


@pytest.fixture
def served(world: World) -> World:
    world.served()
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    return world


@pytest.mark.parametrize("shock", ["reboot", "restart_docker"])
def test_it_begins_with_a_reconcile(served: World, shock: str, watcher: Watcher) -> None:
    """So that a boot needs nobody."""
    getattr(served.machine, shock)()
    assert rounds_until(watcher, lambda: admits(served))


def test_a_container_that_ends_is_brought_back(served: World, watcher: Watcher) -> None:
    """Each time."""
    rounds_until(watcher, lambda: True)
    for _ in range(3):
        served.machine.kill_container(served.machine.server_id("tenant"))
        assert not admits(served)
        assert rounds_until(watcher, lambda: admits(served))


def test_what_was_stopped_or_deleted_on_purpose_is_left(served: World, watcher: Watcher) -> None:
    """Its container ended too."""
    rounds_until(watcher, lambda: True)
    served.host.servers.stop("tenant")
    served.host.servers.create("gone")
    served.host.servers.delete("gone")
    rounds_until(watcher, lambda: served.machine.uptime > LOOK_SECONDS)
    assert ({}, []) == (served.machine.containers, [e for e in told(served) if "mended" in e[0]])


def test_what_nobody_announces_is_seen_within_a_minute(served: World, watcher: Watcher) -> None:
    """A share that was unmounted by hand."""
    rounds_until(watcher, lambda: True)
    served.machine.mounts.clear()
    assert rounds_until(watcher, lambda: admits(served))
    assert served.machine.uptime <= LOOK_SECONDS + 5


def test_a_docker_that_is_away_is_waited_for(served: World, watcher: Watcher) -> None:
    """Then everything is looked at: what ended meanwhile was announced to nobody."""
    rounds_until(watcher, lambda: True)
    served.machine.docker_up = False
    for _ in range(3):
        watcher.round()
    assert ("cannot watch", "Docker does not answer") in told(served)
    served.machine.restart_docker()
    served.machine.docker_up = True
    assert rounds_until(watcher, lambda: admits(served))


def test_an_image_that_fails_is_tried_once(served: World, watcher: Watcher) -> None:
    """At the start; after that the server is left in the image that it has, or it would be away again."""
    served.machine.image = "image-2"
    served.machine.smbd_fails, served.machine.good_images = "no such option", frozenset({"image-1"})
    rounds_until(watcher, lambda: any(what == "not mended" for what, _ in told(served)))
    assert rounds_until(watcher, lambda: admits(served))
    before = list(served.machine.ended)
    rounds_until(watcher, lambda: served.machine.uptime > 3 * LOOK_SECONDS)
    assert before == served.machine.ended
    assert admits(served)


def test_a_server_that_cannot_be_mended_is_tried_ever_less_often(served: World, watcher: Watcher) -> None:
    """And the others are mended meanwhile."""
    served.served(server="other")
    rounds_until(watcher, lambda: True)
    served.machine.smbd_fails = "out of luck"
    tenant = served.machine.server_id("tenant")
    served.machine.kill_container(tenant)
    rounds_until(watcher, lambda: served.machine.uptime > 40)
    tries = [server_id for server_id in served.machine.ended if server_id == tenant]
    assert 3 <= len(tries) <= 9
    assert [what for what, _ in told(served)].count("not mended") <= 2
    served.machine.smbd_fails = ""
    assert rounds_until(watcher, lambda: admits(served))
    assert rounds_until(watcher, lambda: {} == served.admitted("other"))


def test_nothing_that_goes_wrong_ends_it(served: World) -> None:
    """Whatever call fails, it goes on."""
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
    """The first at once; a minute of calm forgets what was before."""
    backoff, dues = Backoff(), []
    for now in needed:
        backoff = backoff.again(now)
        dues.append(backoff.last)
    assert list(due) == dues
