from __future__ import annotations

from tests.unit.cli.terminal import Terminal

SERVER_KEYS = ["name", "id", "state", "desired", "problem", "interfaces", "shares", "users"]
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
        "shares": ["files"],
        "users": ["ada"],
    } == document


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
    """The others are listed before; its own entry has every key."""
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


def test_shares_of_an_unreadable_record_are_not_left_out_in_silence(served: Terminal) -> None:
    damaged = served.world.host.servers.create("damaged").server
    served.world.machine.damage_record(damaged.id)
    result = served("share", "list", "--json")
    assert (7, ["files"]) == (result.status, [each["name"] for each in result.document])
    assert 0 == served("share", "list", "tenant").status


def test_stop_and_start(served: Terminal) -> None:
    """A server that rests is stopped, though it has no container then."""
    assert "server tenant is stopped\n" == served.ok("server", "stop", "tenant").out
    document = served.ok("server", "show", "tenant", "--json").document
    assert ("stopped", "stopped", "") == (document["state"], document["desired"], document["problem"])
    assert "server tenant is running\n" == served.ok("server", "start", "tenant").out


def test_a_server_that_should_run_shows_its_problem(served: Terminal) -> None:
    served.world.machine.reboot()
    out = served.ok("server", "show", "tenant").out
    assert "state    stopped (should be running)\n" in out
    assert "'shares-core server start tenant' brings it up" in out


def test_delete(served: Terminal) -> None:
    result = served("server", "delete", "tenant")
    assert (4, "") == (result.status, result.out)
    assert "--with-shares" in result.err
    document = served.ok("server", "delete", "tenant", "--with-shares", "--json").document
    assert {"server": "tenant", "deleted": True} == document
    assert 3 == served("server", "show", "tenant").status


def test_reconcile_tells_what_it_could_not_bring_back(served: Terminal) -> None:
    served.world.machine.reboot()
    assert [{"server": "tenant", "problem": "", "failed_shares": []}] == served.ok(
        "reconcile", "--json"
    ).document
    served.world.machine.reboot()
    served.world.machine.volumes.clear()
    result = served("reconcile", "--json")
    assert 7 == result.status
    assert [{"server": "tenant", "problem": "", "failed_shares": ["files"]}] == result.document
    result = served("reconcile")
    assert 7 == result.status
    assert "shares that cannot be served: files" in result.out
