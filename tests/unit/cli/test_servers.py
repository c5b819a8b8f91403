from __future__ import annotations

import threading

import pytest
from attrs import evolve
from tests.unit.cli.terminal import Terminal

from shares_core.app.operations.create_server import CreateServer
from shares_core.app.operations.delete_server import DeleteServer
from shares_core.domain.operation import ServerOperation
from shares_core.domain.views import LogLine

SERVER_KEYS = [
    *("name", "id", "state", "desired", "problem", "encryption", "min_protocol", "differing"),
    "relaxations",
    *("interfaces", "shares", "users", "operations"),
]
INTERFACE_KEYS = ["bridge", "addresses", "mac", "gateways", "mtu", "host_addresses"]


def test_create_says_how_to_reach_the_server(terminal: Terminal) -> None:
    out = terminal.ok("server", "create", "tenant").out
    assert "server tenant is running\n" in out
    assert "  10.254.0.2  from this host, and from clients on bridge shares0\n" in out


def test_a_closed_bridge_is_said_to_be_closed(terminal: Terminal) -> None:
    out = terminal.ok("server", "create", "tenant", "--bridge", "b0", "--address", "10.0.0.5/24").out
    assert "  10.0.0.5  from clients on bridge b0; the host itself cannot reach it\n" in out
    assert "none: closed to the host\n" in terminal.ok("server", "show", "tenant").out


def test_every_option_reaches_the_server(terminal: Terminal) -> None:
    document = terminal.ok(
        *("server", "create", "tenant", "--json", "--bridge", "b0", "--mac", "02-00-00-AA-BB-CC"),
        *("--address", "10.0.0.5/24", "--address", "fd00::5/64", "--mtu", "9000"),
        *("--gateway", "10.0.0.1", "--gateway", "fd00::1"),
        *("--host-address", "10.0.0.2/24", "--host-address", "fd00::2/64"),
    ).document
    assert SERVER_KEYS == list(document)
    assert INTERFACE_KEYS == list(document["interfaces"][0])
    assert [
        {
            "bridge": "b0",
            "addresses": ["10.0.0.5/24", "fd00::5/64"],
            "mac": "02:00:00:aa:bb:cc",
            "gateways": ["10.0.0.1", "fd00::1"],
            "mtu": 9000,
            "host_addresses": ["10.0.0.2/24", "fd00::2/64"],
        }
    ] == document["interfaces"]


def test_the_document_of_a_server(served: Terminal) -> None:
    served.world.host.access.allow("tenant", "files", "ada")
    document = served.ok("server", "show", "tenant", "--json").document
    assert SERVER_KEYS == list(document)
    del document["interfaces"], document["id"]
    assert {
        "name": "tenant",
        "state": "running",
        "desired": "running",
        "problem": "",
        "encryption": "required",
        "min_protocol": "SMB3_00",
        "differing": [],
        "relaxations": [],
        "shares": ["files"],
        "users": ["ada"],
        "operations": [],
    } == document


def test_a_server_is_relaxed_by_name_and_says_so(served: Terminal) -> None:
    """With a warning for each relaxation, until it is undone."""
    relax = ("--encryption", "desired", "--min-protocol", "smb2_10")
    said = served.ok("server", "set", "tenant", *relax).out
    assert said.startswith("server tenant demands SMB2_10 or newer, encrypted if it can, always signed\n")
    assert 2 == said.count("warning: clients may")
    assert 2 == served.ok("server", "show", "tenant").out.count("warning: clients may")
    document = served.ok("server", "show", "tenant", "--json").document
    assert ("desired", "SMB2_10", 2) == (
        document["encryption"],
        document["min_protocol"],
        len(document["relaxations"]),
    )
    said = served.ok("server", "set", "tenant", "--encryption", "required", "--min-protocol", "SMB3_11").out
    assert "server tenant demands SMB3_11 or newer, with encryption, always signed\n" == said


def test_a_server_is_made_relaxed(terminal: Terminal) -> None:
    """A later create without these options does not object; with others it does."""
    terminal.ok("server", "create", "old", "--encryption", "desired", "--min-protocol", "SMB2_10")
    assert "warning: clients may use SMB 2.1" in terminal.ok("server", "create", "old").out
    result = terminal("server", "create", "old", "--encryption", "desired")
    assert "what it demands of clients differs from what was asked for" in result.err
    assert "server set old' changes it" in result.err


def test_a_preset_relaxes_a_server_and_another_restores_it(served: Terminal) -> None:
    """Show tells what differs as it can be given again; an option wins over the preset."""
    served.ok("server", "set", "tenant", "--preset", "scanner")
    assert (
        "options  --encryption desired --min-protocol SMB2_10\n" in served.ok("server", "show", "tenant").out
    )
    served.ok("server", "set", "tenant", "--preset", "scanner", "--min-protocol", "SMB3_00")
    document = served.ok("server", "show", "tenant", "--json").document
    assert (["encryption"], "SMB3_00") == (document["differing"], document["min_protocol"])
    served.ok("server", "set", "tenant", "--preset", "default")
    assert [] == served.ok("server", "show", "tenant", "--json").document["differing"]
    served.ok("server", "create", "old", "--preset", "scanner")
    assert "SMB2_10" == served.ok("server", "show", "old", "--json").document["min_protocol"]
    assert "mac is a preset of shares" in served("server", "set", "tenant", "--preset", "mac").err


def test_a_contradiction_is_refused(served: Terminal) -> None:
    """And nothing changes; nor does a set without an option, or with an unknown word."""
    for arguments, said in (
        (("--min-protocol", "SMB2_10"), "SMB 2.1 cannot encrypt"),
        ((), "say what to set"),
        (("--encryption", "off"), "'off' is not one of desired, required"),
    ):
        result = served("server", "set", "tenant", *arguments)
        assert said in result.err
        assert result.status != 0
    assert "required" == served.ok("server", "show", "tenant", "--json").document["encryption"]


def test_show_prints_export_locations_to_paste(terminal: Terminal) -> None:
    terminal.ok(
        "server", "create", "t", "--bridge", "b", "--address", "10.0.0.5/24", "--address", "fd00::5/64"
    )
    terminal.ok("share", "create", "t", "R&D", "--size", "64MiB")
    out = terminal.ok("server", "show", "t").out
    locations = [line.split()[-1] for line in out.splitlines() if line.startswith(("  windows", "  linux"))]
    assert [
        r"\\10.0.0.5\R&D",
        "//10.0.0.5/R&D",
        r"\\fd00--5.ipv6-literal.net\R&D",
        "//fd00::5/R&D",
    ] == locations


def test_a_list_is_an_array(served: Terminal) -> None:
    served.ok("server", "create", "b")
    assert ["b", "tenant"] == [each["name"] for each in served.ok("server", "list", "--json").document]
    lines = served.ok("server", "list").out.splitlines()
    assert ["NAME", "b", "tenant"] == [line.split()[0] for line in lines]


def test_an_empty_list_says_so(terminal: Terminal) -> None:
    assert "there are no servers yet\n" == terminal.ok("server", "list").out
    assert [] == terminal.ok("server", "list", "--json").document
    assert "there are no shares yet\n" == terminal.ok("share", "list").out


def test_an_unreadable_record_is_listed_and_is_a_failure(served: Terminal) -> None:
    """The others are listed first; its own entry has every key."""
    damaged = served.world.host.servers.create("damaged").server
    served.world.machine.damage_record(damaged.id)
    result = served("server", "list")
    assert 7 == result.status
    assert ["NAME", "tenant", "?"] == [line.split()[0] for line in result.out.splitlines()]
    assert "it is truncated" in result.out
    assert result.err.startswith("error: the record ")
    result = served("server", "list", "--json")
    assert 7 == result.status
    good, bad = result.document
    assert ("tenant", None) == (good["name"], bad["name"])
    assert list(good) == list(bad)
    assert "it is truncated" in bad["problem"]


def test_missing_shares_of_an_unreadable_record_are_reported(served: Terminal) -> None:
    damaged = served.world.host.servers.create("damaged").server
    served.world.machine.damage_record(damaged.id)
    result = served("share", "list", "--json")
    assert (7, ["files"]) == (result.status, [each["name"] for each in result.document])
    assert 0 == served("share", "list", "tenant").status


def test_stop_and_start(served: Terminal) -> None:
    """A server without a container that should not run is stopped."""
    assert "server tenant is stopped\n" == served.ok("server", "stop", "tenant").out
    document = served.ok("server", "show", "tenant", "--json").document
    assert ("stopped", "stopped", "") == (document["state"], document["desired"], document["problem"])
    assert "server tenant is running\n" == served.ok("server", "start", "tenant").out


def test_a_server_that_should_run_shows_its_problem(served: Terminal) -> None:
    served.world.machine.reboot()
    out = served.ok("server", "show", "tenant").out
    assert "state    stopped (should be running)\n" in out
    assert f"'shares-core --state-dir {served.state_dir} server start tenant' brings it up" in out


def test_delete(served: Terminal) -> None:
    result = served("server", "delete", "tenant")
    assert (4, "") == (result.status, result.out)
    assert "--with-shares" in result.err
    document = served.ok("server", "delete", "tenant", "--with-shares", "--json").document
    assert {"server": "tenant", "deleted": True} == document
    assert 3 == served("server", "show", "tenant").status


def test_reconcile_reports_what_it_could_not_bring_back(served: Terminal) -> None:
    served.world.machine.reboot()
    (mended,) = served.ok("reconcile", "--json").document["servers"]
    assert "the container is stopped" in mended.pop("found")
    assert {"kind": "container_down", "subject": "", "detail": "stopped"} in mended.pop("drift")
    assert {"server": "tenant", "outcome": "ok", "problem": "", "failed_shares": []} == mended
    assert "the one server is as recorded\n" == served.ok("reconcile").out
    served.world.machine.reboot()
    served.world.machine.volumes.clear()
    result = served("reconcile", "--json")
    assert 7 == result.status
    (failed,) = result.document["servers"]
    assert ("failed", ["files"]) == (failed["outcome"], failed["failed_shares"])
    result = served("reconcile")
    assert 7 == result.status
    assert "shares that cannot be served: files" in result.out


@pytest.mark.parametrize(
    ("operation", "verdict", "outcome"),
    [
        (
            CreateServer(id="0badc0ffee00", since=1),
            "removed: its creation was interrupted",
            "creation_undone",
        ),
        (
            DeleteServer(id="0badc0ffee00", since=1),
            "deleted: its deletion was carried on",
            "deletion_carried_on",
        ),
    ],
)
def test_reconcile_says_that_it_removed_a_server(
    terminal: Terminal, operation: ServerOperation, verdict: str, outcome: str
) -> None:
    """That is not a failure, but not a healthy server either."""
    for arguments in ((), ("--json",)):
        terminal.world.host.servers.create("tenant")
        record = terminal.world.record("tenant")
        terminal.world.machine.records[record.id] = record.performing(operation)
        result = terminal.ok("reconcile", *arguments)
        if not arguments:
            assert result.out.splitlines()[1].startswith(
                f"tenant  {verdict}  an operation ({operation.kind})"
            )
        else:
            (gone,) = result.document["servers"]
            assert ("tenant", outcome, "") == (gone["server"], gone["outcome"], gone["problem"])
    assert "there are no servers yet\n" == terminal.ok("reconcile").out


def test_reconcile_reports_an_unreadable_record_without_a_name(served: Terminal) -> None:
    """A path is not a server's name; it is in the problem, as in the list of servers."""
    record = served.world.machine.server_id("tenant")
    served.world.machine.damage_record(record)
    result = served("reconcile")
    assert 7 == result.status
    server, verdict, problem = result.out.splitlines()[1].split(maxsplit=2)
    assert ("?", "unknown") == (server, verdict)
    assert f"memory:{record} cannot be read" in problem
    (document,) = served("reconcile", "--json").document["servers"]
    assert (None, "unreadable") == (document["server"], document["outcome"])


def test_create_of_a_stopped_server_says_how_to_start_it(served: Terminal) -> None:
    """It exists and fits, so nothing is done; but nobody can reach it."""
    start = f"next: shares-core --state-dir {served.state_dir} server start tenant\n"
    out = served.ok("server", "create", "tenant").out
    assert "running" in out
    assert start not in out
    served.ok("server", "stop", "tenant")
    assert f"server tenant does not run\n{start}" in served.ok("server", "create", "tenant").out


def test_create_of_a_dead_server_says_how_to_start_it(served: Terminal) -> None:
    served.world.machine.reboot()
    out = served.ok("server", "create", "tenant").out
    assert "server tenant does not run\n" in out
    assert out.count("server start tenant") == 1


def test_create_reports_the_problem_of_a_running_server(served: Terminal) -> None:
    served.world.machine.links.clear()
    out = served.ok("server", "create", "tenant").out
    assert "problem: an interface is not attached" in out
    assert "does not run" not in out


def test_a_bridge_that_is_left_is_reported(terminal: Terminal) -> None:
    """With -v: a port that is not a server's keeps it, on purpose."""
    machine = terminal.world.machine
    for name in ("a", "b"):
        terminal.ok("server", "create", name, "--bridge", f"br-{name}", "--address", "10.0.0.5/24")
    (link,) = (link for link in machine.links.values() if link.interface.attachment.device == "br-a")
    machine.links["eth1"] = evolve(link, namespace="elsewhere")
    err = terminal("server", "delete", "a", "-v").err
    assert "  bridge left: br-a: something else is on it\n" in err
    assert "bridge left" not in terminal("server", "delete", "b", "-v").err


def test_the_log_is_shown_and_followed(served: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """New lines once each, until it is interrupted; nothing in a line reaches the terminal unescaped."""
    container = served.world.machine.containers[served.world.machine.server_id("tenant")]
    container.log[:] = [LogLine("2026-11-30T15:33:31.902608123Z", "Auth: \x1b[31mred")]
    assert "2026-11-30T15:33:31Z Auth: \\x1b[31mred\n" == served.ok("server", "log", "tenant").out
    assert [{"time": "2026-11-30T15:33:31.902608123Z", "text": "Auth: \x1b[31mred"}] == served.ok(
        "server", "log", "tenant", "--json"
    ).document
    assert 2 == served("server", "log", "tenant", "--json", "--follow").status
    waits: list[float] = []

    def wait(_: threading.Event, seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt
        if len(waits) == 1:
            container.log.append(LogLine("2026-11-30T15:33:32.000000000Z", "new"))

    monkeypatch.setattr(threading.Event, "wait", wait)
    result = served("server", "log", "tenant", "--follow")
    assert (130, ["red", "new"]) == (result.status, [line[-3:] for line in result.out.splitlines()])
