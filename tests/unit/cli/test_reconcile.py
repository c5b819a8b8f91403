"""The output of reconcile, watch, upgrade and check for operators."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from tests.contracts.values import ref
from tests.unit.cli.terminal import Terminal

from shares_core.domain.capacity import MIB
from shares_core.testing.state import Condition, MemoryVolume

STRAY = "f" * 12


def test_a_dry_run_reports_what_differs_and_changes_nothing(served: Terminal) -> None:
    """It succeeds whatever it finds, and needs no root."""
    served.world.machine.reboot()
    served.use(is_root=lambda: False)
    out = served.ok("reconcile", "--dry-run").out
    assert "tenant  to be repaired  the container is stopped; " in out
    assert {} == served.world.machine.mounts
    (document,) = served.ok("reconcile", "--dry-run", "--json").document["servers"]
    assert ("found", "") == (document["outcome"], document["problem"])


def test_an_orphan_is_reported_with_the_command_that_removes_it(served: Terminal) -> None:
    """And with the result of its removal."""
    served.world.machine.volumes[ref(STRAY)] = MemoryVolume(4096)
    out = served.ok("reconcile").out
    assert f"volume  default/{STRAY}  left alone\n" in out
    command = f"shares-core --state-dir {served.state_dir} reconcile --remove-orphans"
    assert out.endswith(f"orphans are in no record; this removes them with their data: {command}\n")
    told = {"kind": "volume", "name": f"default/{STRAY}", "removed": False, "problem": ""}
    assert [told] == served.ok("reconcile", "--json").document["orphans"]
    assert f"volume  default/{STRAY}  removed\n" in served.ok("reconcile", "--remove-orphans").out
    assert "the one server is as recorded\n" == served.ok("reconcile").out


def test_a_share_that_runs_out_of_room_is_named(served: Terminal) -> None:
    """By reconcile and by show, in documents too; of files as of space."""
    content = served.world.content()
    content.files["large"] = bytes(content.total - MIB)
    warning = "has only 1 MiB of 63 MiB left\n"
    expected = f"the one server is as recorded\nwarning: share files of server tenant {warning}"
    assert expected == served.ok("reconcile").out
    assert served.ok("share", "show", "tenant", "files").out.endswith(f"\nwarning: it {warning}")
    (told,) = served.ok("reconcile", "--dry-run", "--json").document["nearly_full"]
    assert {"server": "tenant", "share": "files", "problem": warning.strip()} == told
    content.files.update({f"{number}": b"" for number in range(content.total // 4096 - 100)})
    content.files["large"] = b""
    document = served.ok("share", "show", "tenant", "files", "--json").document
    assert "has only room for 99 of 16,128 files left" == document["running_out"]


def test_the_service_reports_its_repairs_on_standard_error(served: Terminal) -> None:
    """Until a signal ends it, as for a service."""
    served.world.machine.reboot()
    result = served("watch")
    assert 128 + signal.SIGTERM == result.status
    assert "repaired: tenant: the container is stopped; " in result.err
    assert "" == result.out
    served.use(is_root=lambda: False)
    assert 6 == served("watch").status


def test_an_upgrade_reports_how_long_the_server_was_away(served: Terminal) -> None:
    """For one server or all; for a stopped server, when it gets the image."""
    assert "server tenant has the current image\n" == served.ok("server", "upgrade", "tenant").out
    served.world.machine.image = "image-2"
    assert (
        "server tenant is upgraded; it was away for 0.00 s\n" == served.ok("server", "upgrade", "--all").out
    )
    document = served.ok("server", "upgrade", "tenant", "--json").document
    assert {"server": "tenant", "outcome": "current", "downtime_seconds": 0.0} == document
    served.world.host.servers.stop("tenant")
    (stopped,) = served.ok("server", "upgrade", "--all", "--json").document
    assert "stopped" == stopped["outcome"]
    assert "gets the current image when it is started" in served.ok("server", "upgrade", "tenant").out


def test_a_failed_upgrade_of_all_reports_the_other_servers(served: Terminal) -> None:
    """In JSON too."""
    for name in ("later", "zeta"):
        served.world.host.servers.create(name)
    machine = served.world.machine
    machine.image = "image-2"
    (interface,) = served.world.record("tenant").interfaces
    machine.foreign_devices[interface.host_device] = ()
    del machine.links[interface.host_device]
    result = served("server", "upgrade", "--all")
    assert 4 == result.status
    assert "note: server later is upgraded; it was away for 0.00 s\n" in result.err
    assert "note: not tried any more: zeta\n" in result.err
    notes = served("server", "upgrade", "--all", "--json").document["error"]["notes"]
    assert ["server later has the current image", "not tried any more: zeta"] == notes[-2:]


@pytest.mark.parametrize("arguments", [(), ("tenant", "--all")], ids=["nothing", "both"])
def test_an_upgrade_is_of_one_server_or_of_all(served: Terminal, arguments: tuple[str, ...]) -> None:
    """Nothing is done on a guess."""
    result = served("server", "upgrade", *arguments)
    assert (2, True) == (result.status, "name a server, or say --all" in result.err)


def damage(served: Terminal) -> None:
    content = served.world.machine.volumes[served.world.share("tenant", "files").volume.ref].content
    assert content is not None
    content.condition = Condition.RUINED


def test_a_check_reports_damage_and_how_to_go_on(served: Terminal) -> None:
    """Also by its exit status; after a repair the share is served again."""
    whole = "the file system of share files is whole; the share is ready\n"
    assert whole == served.ok("share", "check", "tenant", "files").out
    damage(served)
    result = served("share", "check", "tenant", "files")
    assert (7, "") == (result.status, result.err)
    repair = f"shares-core --state-dir {served.state_dir} share check tenant files --repair"
    next_step = f"next: take a copy of its volume, then {repair}"
    assert ["something in it is damaged", "share files is damaged", next_step] == result.out.splitlines()
    document = served("share", "check", "tenant", "files", "--json").document
    assert ("something in it is damaged", "", "failed") == tuple(
        document[key] for key in ("damage", "repair", "status")
    )
    repaired = served.ok("share", "check", "tenant", "files", "--repair").out
    assert f"something in it was repaired\n{whole}" == repaired


@pytest.mark.parametrize(
    ("trick", "told"),
    [
        (lambda terminal: terminal.world.machine.records.clear(), "there are no servers yet\n"),
        (lambda terminal: terminal.world.host.servers.create("other"), "all 2 servers are as recorded\n"),
    ],
    ids=["none", "two"],
)
def test_nothing_to_report_is_reported(
    terminal: Terminal, trick: Callable[[Terminal], object], told: str
) -> None:
    """In words, with the number of servers."""
    if "2" in told:
        terminal.world.host.servers.create("tenant")
    trick(terminal)
    assert told == terminal.ok("reconcile").out
