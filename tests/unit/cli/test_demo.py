from __future__ import annotations

import json

import pytest
from tests.unit.cli.terminal import MemoryClient, Terminal

from shares_core.adapters.state.locks import file_lock
from shares_core.bootstrap import Host, host
from shares_core.config import HostConfig
from shares_core.domain.errors import BackendFailure
from shares_core.entrypoints.cli import main
from shares_core.entrypoints.cli.demo_client import Target
from shares_core.ports import Events
from shares_core.testing import Fault, FaultPlan, ProcessDied, memory_ports

STEPS = [
    *("server", "share", "allow-rw", "client", "write", "read", "audit", "extend", "intact", "recycle"),
    *("allow-ro", "read-only", "session", "deny", "refused", "delete", "remove"),
]


def test_the_demo_leaves_nothing(terminal: Terminal) -> None:
    out = terminal.ok("demo").out
    assert "17 steps in " in out.splitlines()[-1]
    assert "Max Mustermann read the file, and could not write: NT_STATUS_ACCESS_DENIED" in out
    assert "with the preset archive: --recycle-bin 365 --audit" in out
    assert "session list: ada from " in out
    assert "ada is refused: NT_STATUS_ACCESS_DENIED; Max Mustermann still reads" in out
    assert {} == _left(terminal)


def test_its_document_has_every_step(terminal: Terminal) -> None:
    document = terminal.ok("demo", "--json").document
    assert [
        *("steps", "seconds", "kept", "server", "share", "user", "password", "export_locations"),
    ] == list(document)
    assert STEPS == [step["step"] for step in document["steps"]]
    assert (False, None) == (document["kept"], document["password"])


def test_the_client_takes_an_address_of_no_server(terminal: Terminal) -> None:
    """It has an address of the default network, but not the next server's."""
    terminal.ok("server", "create", "taken", "--address", "10.254.0.254/24")
    terminal.ok("demo")
    (place,) = terminal.places
    assert "10.254.0.253/24" == str(place.address)
    assert "shares0" == str(place.bridge)
    assert len(place.device) <= 15


def test_a_kept_demo_can_be_used_and_removed(terminal: Terminal) -> None:
    document = terminal.ok("demo", "--keep", "--json").document
    assert (True, "shares-core-demo", "ada") == tuple(document[key] for key in ("kept", "server", "user"))
    client = MemoryClient(terminal.world)
    content = b"still there"
    target = _target(terminal, document["password"])
    assert "" == client.write(target, "more", content)
    assert ("", content) == client.read(target, "more")

    result = terminal("demo")
    assert (4, "") == (result.status, result.out)
    hint = next(line for line in result.err.splitlines() if line.startswith("hint: "))
    words = hint.split()[2:]
    assert ["server", "delete", "shares-core-demo", "--with-shares"] == words[-4:]
    assert ("", content) == client.read(target, "more")
    assert 0 == terminal.bare(*words).status
    assert {} == _left(terminal)
    terminal.ok("demo")


def test_keep_prints_how_to_mount_and_how_to_remove(terminal: Terminal) -> None:
    out = terminal.ok("demo", "--keep").out
    assert "  try       smbclient //10.254.0.2/projects -U ada\n" in out
    assert "mount -t cifs -o username=ada,seal,vers=3.1.1 //10.254.0.2/projects /mnt\n" in out
    assert out.endswith("server delete shares-core-demo --with-shares\n")


@pytest.mark.parametrize("verb", ["filesystems.make", "smb_sessions.close_user", "storage.grow_volume"])
def test_after_an_error_nothing_is_left(terminal: Terminal, verb: str) -> None:
    _with_faults(terminal, FaultPlan().on(verb))
    result = terminal("demo")
    assert 7 == result.status
    assert "error: an injected fault\n" == result.err
    assert "failed: " in result.out.splitlines()[-1]
    assert {} == _left(terminal)


def test_with_json_an_error_is_the_only_document(terminal: Terminal) -> None:
    _with_faults(terminal, FaultPlan().on("filesystems.make"))
    result = terminal("demo", "--json")
    assert (7, "backend_failure") == (result.status, result.document["error"]["code"])


def test_a_failed_clean_up_is_reported_and_finished_by_the_next_demo(terminal: Terminal) -> None:
    real = terminal.doors
    plan = FaultPlan().on("filesystems.make").on("records.find", Fault(), skip=1, times=None)
    _with_faults(terminal, plan)
    result = terminal("demo")
    assert 7 == result.status
    assert "note: cleaning up failed too" in result.err
    terminal.doors = real
    result = terminal.ok("demo", "--json")
    assert "leftovers" == result.document["steps"][0]["step"]
    assert {} == _left(terminal)


@pytest.mark.parametrize("after", range(0, 140, 7))
def test_the_next_demo_removes_what_a_killed_one_left(terminal: Terminal, after: int) -> None:
    """Wherever it was killed: before its server had an id, and beside another server."""
    terminal.ok("server", "create", "other")
    real, before = terminal.doors, dict(terminal.world.machine.records)
    plan = FaultPlan(at={after: Fault(dies=True)})
    _with_faults(terminal, plan)
    try:
        main(("--state-dir", str(terminal.state_dir), "demo"), terminal.doors)
    except ProcessDied:
        terminal.world.machine.lock_table.reset()
    terminal.doors = real
    document = terminal.ok("demo", "--json").document
    assert STEPS == [step["step"] for step in document["steps"]][-len(STEPS) :]
    assert before == terminal.world.machine.records
    assert not (terminal.state_dir / "demo.json").exists()


def test_a_server_of_that_name_that_no_demo_made_is_left_alone(terminal: Terminal) -> None:
    """Also if there is a marker: it names another server, by id or by MAC."""
    terminal.ok("server", "create", "shares-core-demo")
    before = dict(terminal.world.machine.records)
    for server_id in ("", "0123456789ab"):
        marker = {"mac": "02:00:00:00:00:01", "namespace": "n", "device": "d", "server_id": server_id}
        (terminal.state_dir / "demo.json").write_text(json.dumps(marker))
        result = terminal("demo")
        assert 4 == result.status
        assert "kept by a former demo" in result.err
        assert before == terminal.world.machine.records


def test_an_unreadable_marker_is_a_conflict(terminal: Terminal) -> None:
    for content in ("", "[]", '{"mac": 1}', '{"evil": true}'):
        (terminal.state_dir / "demo.json").write_text(content)
        result = terminal("demo")
        assert 4 == result.status
        assert "demo.json is not what a demo leaves" in result.err


def test_two_demos_do_not_meet(terminal: Terminal) -> None:
    with file_lock(terminal.state_dir / "demo.lock", 0, "the demo"):
        result = terminal("demo")
    assert (4, "error: another demo is running") == (result.status, result.err.splitlines()[0])
    terminal.ok("demo")


def test_a_missing_client_is_reported_before_anything_is_made(terminal: Terminal) -> None:
    def missing() -> None:
        raise BackendFailure("no client")

    terminal.use(require_client=missing)
    assert 7 == terminal("demo").status
    assert {} == _left(terminal)


def test_a_deny_that_leaves_the_connection_open_fails_the_demo(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo is real: what the client sees decides."""
    monkeypatch.setattr("tests.unit.cli.terminal._MemoryConnection.last_words", lambda _: "")
    result = terminal("demo")
    assert 7 == result.status
    assert "ada was denied, but her open connection still worked" in result.err
    assert {} == _left(terminal)


def _left(terminal: Terminal) -> dict[str, object]:
    return {**terminal.world.leftovers(), **{f.name: f for f in terminal.state_dir.glob("demo.json")}}


def _target(terminal: Terminal, password: str) -> Target:
    from shares_core.domain.secret import Secret

    return Target("10.254.0.2", "projects", "ada", Secret(password))


def _with_faults(terminal: Terminal, plan: FaultPlan) -> None:
    def open_host(config: HostConfig, events: Events) -> Host:
        return host(memory_ports(terminal.world.machine, faults=plan, events=events), config.network)

    terminal.use(open_host=open_host)
