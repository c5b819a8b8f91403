"""The service alone has brought everything back, and no answered operation is lost."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator

import pytest

from shares_core.config import MACHINE_SETTINGS
from tests.reliability.expecting import Expected, read
from tests.reliability.scene import as_it_is, as_recorded, records
from tests.system.acknowledged import acknowledged
from tests.system.powercut import scene, snapshotting
from tests.testkit.clients import ClientNamespace, SmbClient
from tests.testkit.kernel_client import checksums, mounted
from tests.testkit.leftovers import remove_installation
from tests.testkit.probes import until

_SECONDS = 240


@pytest.fixture
def namespaces() -> Iterator[list[ClientNamespace]]:
    """Clients' namespaces; removed at the end, with all that was made before the cut."""
    made: list[ClientNamespace] = []
    try:
        yield made
    finally:
        for namespace in made:
            namespace.remove()
        subprocess.run(("systemctl", "disable", "--now", scene.UNIT), check=True)
        host = scene.host()
        for server in records(scene.config()):
            host.servers.delete(str(server.name), with_shares=True)
        remove_installation(scene.config().state_dir)
        for path in (scene.INSTALLED_UNIT, MACHINE_SETTINGS):
            path.unlink()
        remove_installation(scene.FOLDER)


def test_the_service_brings_everything_back_and_nothing_is_lost(
    namespaces: list[ClientNamespace], record_testsuite_property: Callable[[str, object], None]
) -> None:
    """All answers to callers still hold, and every byte that clients flushed exists."""
    host, config = scene.host(), scene.config()
    # What the service is at work on is no drift, but not at its end either.
    assert until(
        lambda: host.fleet.reconcile(dry_run=True).is_empty and not host.operations.list(), _SECONDS
    ), (
        host.fleet.reconcile(dry_run=True),
        journal(),
    )
    assert "active" == said("systemctl", "is-active", scene.UNIT)
    assert as_recorded(config) == as_it_is(config)
    expected = Expected.after(read(scene.FOLDER))
    assert expected.count > 20
    assert ([], []) == (expected.faults, expected.differences(records(config)))
    record_testsuite_property("operations", expected.count)
    assert_snapshots_are_there(record_testsuite_property)
    for number, name in enumerate(scene.WRITTEN):
        interface = host.servers.show(name).server.interfaces[0]
        namespace = ClientNamespace.create(interface.attachment.device, f"10.216.0.{210 + number}/24")
        namespaces.append(namespace)
        password = scene.secret_of(name).read_text()
        client = SmbClient(namespace, str(interface.addresses[0].ip), scene.USER, password, scene.FOLDER)
        with mounted(client, scene.SHARE) as folder:
            found = checksums(folder)
            flushed = acknowledged(scene.acknowledged_of(name))
            assert {} == {file: value for file, value in flushed.items() if found.get(file) != value}
            record_testsuite_property("written", len(flushed))
            (folder / "after").write_bytes(b"written after")
            assert hashlib.sha256(b"written after").hexdigest() == checksums(folder)["after"]


def assert_snapshots_are_there(record: Callable[[str, object], None]) -> None:
    """Each that was answered, with what it held, and the share in one of the versions that it may have."""
    host, server = scene.host(), scene.SERVERS[0]
    sure, versions = snapshotting.expected(scene.SNAPSHOTS.read_text().split("\n"))
    there = {str(view.snapshot.name) for view in host.snapshots.list(server, scene.KEPT)}
    assert {name for name, must in sure.items() if must} <= there <= sure.keys()
    assert snapshotting.file_of().read_text() in versions
    for name in there:
        host.snapshots.revert(server, scene.KEPT, name, older=True)
        assert name == snapshotting.file_of().read_text()
    record("snapshots", len(there))


def said(*argv: str) -> str:
    return subprocess.run(argv, check=False, capture_output=True, text=True).stdout.strip()


def journal() -> str:
    return said("journalctl", "--unit", scene.UNIT, "--boot", "--no-pager")[-4000:]
