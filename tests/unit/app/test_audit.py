"""What clients do on audited shares gets into the trail, whatever happens to the server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from tests.unit.world import NETWORK, PASSWORD, RW, SMALL, World

from shares_core import bootstrap
from shares_core.app.lifecycle.audit import collect_all
from shares_core.app.watch.collector import COLLECT_SECONDS
from shares_core.domain.audit import AuditAction
from shares_core.domain.errors import BackendFailure, InvalidInput, NotFound
from shares_core.domain.options import ShareOptions
from shares_core.domain.protection import Dialect, Encryption
from shares_core.domain.views import LogLine
from shares_core.testing import Call, Fault, FaultPlan, MemoryHost, Moment, ProcessDied, memory_ports


@pytest.fixture
def audited(world: World) -> World:
    """A server with an audited share, which ada may write."""
    world.served()
    world.host.shares.set("tenant", "files", audit=True)
    world.host.access.allow("tenant", "files", "ada", RW, PASSWORD)
    return world


def write(world: World, name: str = "a") -> None:
    world.connect("ada").open("files", name=name, write=True).close()


def paths(world: World) -> list[str]:
    return [entry.path or str(entry.action) for entry in world.host.shares.audit("tenant", "files")]


def kept(world: World) -> list[str]:
    """What is in the trail, without asking the server."""
    server = world.record("tenant")
    trails = memory_ports(world.machine).audit
    return [entry.path or str(entry.action) for entry in trails.read(server.id, server.shares[0].id)]


def test_a_trail_says_who_did_what(audited: World) -> None:
    """What is opened for writing; a share that is not audited has none."""
    audited.host.shares.create("tenant", "other", SMALL)
    audited.host.access.allow("tenant", "other", "ada", RW)
    session = audited.connect("ada")
    for share in ("files", "other"):
        for write in (True, False):
            session.open(share, name=f"{share}{write}", write=write)
    (entry,) = audited.host.shares.audit("tenant", "files")
    assert (("ada",), AuditAction.OPENED, "filesTrue") == (entry.users, entry.action, entry.path)
    assert () == audited.host.shares.audit("tenant", "other")


def test_a_trail_is_read_once_from_a_time(audited: World) -> None:
    """However often it is asked for, in parts or from an entry."""
    for name in "abc":
        write(audited, name)
    assert ["a", "b", "c"] == paths(audited) == paths(audited)
    first, *rest = audited.host.shares.audit("tenant", "files")
    assert tuple(rest) == audited.host.shares.audit("tenant", "files", first.time)
    assert (first,) == audited.host.shares.audit("tenant", "files", limit=1)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (("tenant", "files", "yesterday"), InvalidInput),
        (("tenant", "files", "", 0), InvalidInput),
        (("tenant", "files", "", "1"), InvalidInput),
        (("tenant", "none"), NotFound),
        (("nobody", "files"), NotFound),
    ],
)
def test_bad_requests_are_refused(audited: World, call: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        audited.host.shares.audit(*call)


def _upgrade(world: World) -> None:
    world.machine.image = "image-2"
    world.host.servers.upgrade("tenant")


def _demand_more(world: World) -> None:
    world.host.servers.set("tenant", encryption=Encryption.DESIRED, min_protocol=Dialect.SMB2_10)
    world.host.servers.set("tenant", encryption=Encryption.REQUIRED, min_protocol=Dialect.SMB3_11)


def _die(world: World) -> None:
    world.machine.kill_container(world.machine.server_id("tenant"))
    world.host.servers.start("tenant")


def _reboot(world: World) -> None:
    world.machine.reboot()
    world.host.fleet.reconcile()


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.host.servers.stop("tenant"),
        _upgrade,
        _demand_more,
        _die,
        _reboot,
        lambda world: world.host.fleet.reconcile(),
        lambda world: world.host.shares.set("tenant", "files", audit=False),
    ],
)
def test_what_was_done_is_kept_before_its_log_goes(audited: World, change: Callable[[World], None]) -> None:
    """Whoever removes the container, and when the audit is turned off; nothing is said to be missing."""
    write(audited)
    change(audited)
    assert ["a"] == kept(audited)
    audited.host.servers.start("tenant")
    write(audited, "b")
    audited.host.fleet.reconcile()
    assert "incomplete" not in kept(audited)


def test_a_dry_run_and_a_look_collect_nothing(audited: World) -> None:
    write(audited)
    audited.host.fleet.reconcile(dry_run=True)
    audited.host.shares.show("tenant", "files")
    assert [] == kept(audited)


def test_nothing_is_recorded_while_it_is_off(audited: World) -> None:
    """What was recorded before stays, and more is recorded when it is on again."""
    write(audited)
    audited.host.shares.set("tenant", "files", audit=False)
    write(audited, "b")
    audited.host.shares.set("tenant", "files", audit=True)
    write(audited, "c")
    assert ["a", "c"] == paths(audited)


def test_a_trail_that_cannot_be_kept_stops_no_server(audited: World) -> None:
    """It is reported, and the trail says that it may lack something."""
    write(audited)
    assert ["a"] == paths(audited)
    write(audited, "b")
    audited.process(FaultPlan().on("audit.append")).servers.stop("tenant")
    assert "cannot collect" in [event.what for event in audited.machine.events]
    audited.host.servers.start("tenant")
    write(audited, "c")
    assert ["a", "incomplete", "c"] == paths(audited)


def test_a_log_that_was_overwritten_is_told(audited: World) -> None:
    """A flood that is quicker than the collector hides nothing without a trace."""
    write(audited)
    assert ["a"] == paths(audited)
    write(audited, "b")
    log = audited.machine.containers[audited.machine.server_id("tenant")].log
    log[:] = [LogLine("2026-02-01T00:00:00.000000000Z", "flood")]
    assert ["a", "incomplete"] == paths(audited)


def test_a_reader_goes_on_if_docker_does_not_answer(audited: World) -> None:
    """With what is kept."""
    write(audited)
    assert ["a"] == paths(audited)
    audited.machine.docker_up = False
    assert ["a"] == paths(audited)


@pytest.mark.parametrize("moment", Moment)
def test_a_killed_collector_loses_and_doubles_nothing(audited: World, moment: Moment) -> None:
    write(audited)
    dying = audited.process(FaultPlan().on("audit.append", Fault(moment, dies=True)))
    with pytest.raises(ProcessDied):
        dying.shares.audit("tenant", "files")
    write(audited, "b")
    assert ["a", "b"] == paths(audited)


def test_two_collectors_take_each_entry_once(audited: World) -> None:
    """One of them comes between the other's look at the log and its entry."""
    write(audited)
    others = iter(range(3))

    def meanwhile(call: Call, proceed: Callable[[], object]) -> object:
        if str(call) == "audit.append" and next(others, None) is not None:
            audited.host.fleet.reconcile()
            write(audited, "more")
        return proceed()

    slow = bootstrap.host(memory_ports(audited.machine, faults=meanwhile), NETWORK)
    found = slow.shares.audit("tenant", "files")
    assert ["a", "more", "more", "more"] == [entry.path for entry in found]


@pytest.mark.parametrize(
    "delete",
    [
        lambda host: host.shares.delete("tenant", "files"),
        lambda host: host.servers.delete("tenant", with_shares=True),
    ],
)
def test_a_trail_goes_with_its_share(audited: World, delete: Callable[[bootstrap.Host], None]) -> None:
    write(audited)
    assert ["a"] == paths(audited)
    delete(audited.host)
    assert {} == audited.machine.trails


def test_an_undone_creation_leaves_no_trail(world: World) -> None:
    world.served()
    for fault in ("filesystems.make", "filesystems.prepare_folder"):
        with pytest.raises(BackendFailure):
            world.process(FaultPlan().on(fault)).shares.create(
                "tenant", "more", SMALL, options=ShareOptions(audit=True)
            )
    world.host.fleet.reconcile()
    assert {} == world.machine.trails


def test_the_log_for_people_has_no_audit(audited: World) -> None:
    write(audited)
    assert ["smbd started"] == [line.text for line in audited.host.servers.log("tenant")]


def test_the_service_collects_by_itself(audited: World) -> None:
    """Every two seconds, whatever else it does; an error is reported once."""
    plan = FaultPlan().on("audit.append", skip=1, times=2)
    with bootstrap.watcher(memory_ports(audited.machine, faults=plan), NETWORK) as watcher:
        collector = watcher._collector

        def collect() -> None:
            audited.machine.uptime += COLLECT_SECONDS
            watcher.round()
            if collector._working is not None:
                collector._working.result()

        write(audited)
        collect()
        assert ["a"] == kept(audited)
        write(audited, "b")
        for _ in range(4):
            collect()
        assert ["a", "b"] == kept(audited)
    told = [event.subject for event in audited.machine.events if event.what == "cannot collect"]
    assert 1 == len(told)
    assert "an injected fault" in told[0]


def test_collecting_does_not_cost_more_with_other_servers(audited: World) -> None:
    """Only what is audited is asked about."""
    costs = []
    for number in range(2):
        plan = FaultPlan()
        bootstrap.host(memory_ports(audited.machine, faults=plan), NETWORK).shares.audit("tenant", "files")
        costs.append(len(plan.calls))
        for other in "xyz":
            audited.host.servers.create(f"{other}{number}")
    assert costs[0] == costs[1]


def test_a_day_is_bounded(audited: World) -> None:
    """And the others are not affected."""
    audited.machine.audit_room = 1000
    for number in range(100):
        write(audited, f"{number}")
    *some, last = paths(audited)
    assert ("full", [f"{number}" for number in range(len(some))]) == (last, some)
    assert isinstance(audited.machine, MemoryHost)


def test_a_log_that_cannot_be_taken_keeps_nobody_from_being_denied(audited: World) -> None:
    """Nor from anything else on that server: turning the audit off reports it."""
    process = audited.process(FaultPlan().on("runtime.log_since"))
    process.shares.set("tenant", "files", audit=False)
    assert "cannot collect" in [event.what for event in audited.machine.events]
    assert not audited.share("tenant", "files").options.audit
    audited.host.access.deny("tenant", "files", "ada")
    assert {} == {key: level for key, level in audited.admitted().items() if key[1] == "ada"}


def test_what_was_kept_long_enough_goes_although_nothing_is_audited_any_more(audited: World) -> None:
    """Whoever collects removes it."""
    write(audited, "a")
    assert ["a"] == paths(audited)
    audited.host.shares.set("tenant", "files", audit=False)
    (entry,) = audited.host.shares.audit("tenant", "files")
    logged = int(datetime.fromisoformat(f"{entry.time[:19]}+00:00").timestamp())
    audited.machine.time = logged + (audited.machine.audit_days + 1) * 86_400
    ports = memory_ports(audited.machine)
    assert {} == collect_all(ports)
    assert [] == kept(audited)
