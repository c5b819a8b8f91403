"""Former releases on today's state folder: they change nothing, and say why."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.former import RELEASES, extracted, python
from tests.unit.adapters.values import SERVER

from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.migrations import SCHEMA
from shares_core.adapters.state.records import DiskRecords
from shares_core.app.operations import OPERATIONS


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Path]:
    """The sources of the last release of each former schema."""
    return {schema: extracted(tmp_path_factory.mktemp("former"), schema) for schema in RELEASES}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with a server recorded by today's code."""
    folder = tmp_path / "state"
    DiskRecords(Layout(folder), OPERATIONS).save(SERVER)
    return folder


def _python(former: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the former release, without Docker."""
    return python(former, *arguments, environment={"DOCKER_HOST": "unix:///nonexistent/docker.sock"})


def _everything_below(folder: Path) -> dict[str, object]:
    """Each file with its content and its time of change."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in (folder, *folder.rglob("*"))
    }


COMMANDS = (
    "server list",
    "server delete tenant-a --with-shares",
    "share list",
    "access deny tenant-a failed ada",
    "reconcile --dry-run",
)


@pytest.mark.parametrize("schema", RELEASES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_a_former_release_changes_nothing_and_says_why(
    releases: Mapping[int, Path], state: Path, command: str, schema: int
) -> None:
    """It names the record, and that a newer version wrote it."""
    before = _everything_below(state)
    code = "from shares_core.entrypoints.cli import main; raise SystemExit(main())"
    ended = _python(releases[schema], "-c", code, "--state-dir", str(state), *command.split())
    said = " ".join((ended.stdout + ended.stderr).split())
    path = state / "records" / f"{SERVER.id}.json"
    assert f"the record {path} cannot be read: its version {SCHEMA} is newer than {schema}" in said
    assert before == _everything_below(state)


#: All that a host can do, on a host in memory that has the server, in that release's terms.
_ON_A_HOST = """
import sys
from pathlib import Path
from attrs import evolve
from shares_core import HostConfig, bootstrap
from shares_core.adapters.disk.records import DiskRecords
from shares_core.adapters.layout import Layout
from shares_core.adapters.memory import MemoryHost, memory_ports
from shares_core.domain.capacity import GIB, Capacity
from shares_core.domain.errors import RecordUnreadable
from shares_core.ports.storage import VolumeOwner

state, name, server_id, share_id, volume_id = sys.argv[1:]
machine = MemoryHost()
ports = memory_ports(machine)
ports.folders.ensure(server_id, 2_000_007)
ports.runtime.ensure(server_id, 2_000_007)
ports.storage.prepare()
ports.storage.ensure_volume(volume_id, Capacity(GIB), VolumeOwner(server_id, share_id))
ports.storage.attach(volume_id)
host = bootstrap.host(evolve(ports, records=DiskRecords(Layout(Path(state)))), HostConfig().network)


def everything():
    return repr((machine.containers, machine.volumes, machine.folders, machine.links, machine.bridges))


before = everything()
acts = [
    lambda: host.servers.create(name),
    lambda: host.servers.create("new"),
    lambda: host.servers.show(name),
    lambda: host.servers.start(name),
    lambda: host.servers.stop(name),
    lambda: host.servers.upgrade(name),
    lambda: host.servers.delete(name, with_shares=True),
    lambda: host.shares.create(name, "new", Capacity(GIB)),
    lambda: host.shares.show(name, "failed"),
    lambda: host.shares.list(name),
    lambda: host.shares.extend(name, "failed", Capacity(9 * GIB)),
    lambda: host.shares.check(name, "failed", repair=True),
    lambda: host.shares.delete(name, "failed"),
    lambda: host.access.allow(name, "failed", "ada"),
    lambda: host.access.deny(name, "failed", "ada"),
    lambda: host.access.list(name, "failed"),
    lambda: host.access.replace(name, "failed", ()),
    lambda: host.users.list(name),
    lambda: host.users.set_password(name, "ada"),
    lambda: host.users.remove(name, "ada"),
]
for act in acts:
    try:
        act()
    except RecordUnreadable as error:
        assert "newer" in str(error)
    else:
        raise AssertionError(act)
found = host.fleet.reconcile(dry_run=True)
report = host.fleet.reconcile(remove_orphans=found.orphans)
assert ["newer" in view.problem for view in report.servers] == [True]
assert report.orphans == ()
assert everything() == before
print("unchanged")
"""


def test_a_former_release_leaves_the_host_as_it_is(releases: Mapping[int, Path], state: Path) -> None:
    """It starts and makes no server, and takes nothing for an orphan."""
    before = _everything_below(state)
    share = SERVER.shares[0]
    arguments = (str(state), str(SERVER.name), SERVER.id, share.id, share.volume.id)
    ended = _python(releases[1], "-c", _ON_A_HOST, *arguments)
    assert ("unchanged\n", "", 0) == (ended.stdout, ended.stderr, ended.returncode)
    assert before == _everything_below(state)
