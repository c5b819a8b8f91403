"""The contracts' suites on the real adapters: the very tests that the ports in memory pass."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from shares_core.adapters import filesystems
from shares_core.adapters.loop_files import devices
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.share import FileSystemKind
from tests.contracts.clock import ClockContract
from tests.contracts.events import EventsContract
from tests.contracts.every_port import SUITES, suites_run_by
from tests.contracts.filesystems import FileSystemsContract
from tests.contracts.filesystems_world import DATA, Made
from tests.contracts.folders import ServerFoldersContract
from tests.contracts.ids import IdsContract
from tests.contracts.locks import LocksContract
from tests.contracts.network import NetworkContract
from tests.contracts.records import RecordsContract
from tests.contracts.runtime import ServerRuntimeContract
from tests.contracts.secrets import SecretsContract
from tests.contracts.smb import SmbConfigContract, SmbSessionsContract
from tests.contracts.storage import BlockStorageContract
from tests.integration.support.contract_clients import RealSmb
from tests.integration.support.contract_servers import RealContainers, RealDevices
from tests.integration.support.contract_storage import RealStorage
from tests.integration.support.contract_world import RealWorld


def test_every_suite_runs_here() -> None:
    """None was written and then forgotten."""
    assert set(SUITES.values()) == suites_run_by(sys.modules[__name__])


@pytest.fixture(scope="module", autouse=True)
def _impatient() -> Iterator[None]:
    """Who waits for what a test holds need not wait long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "_DETACH_SECONDS", 0.2)
        patch.setattr(filesystems, "_UNMOUNT_SECONDS", 0.2)
        yield


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[RealWorld]:
    """The world that the class names, removed after the test."""
    kind: Callable[[], RealWorld] = request.cls.kind_of_world
    made = kind()
    try:
        yield made
    finally:
        made.close()


class TestSystemClock(ClockContract):
    """The kernel's clock."""

    kind_of_world = RealWorld


class TestCallbackEvents(EventsContract):
    """A function that listens."""

    kind_of_world = RealWorld


class TestRandomIds(IdsContract):
    """The kernel's random numbers."""

    kind_of_world = RealWorld


class TestDiskFolders(ServerFoldersContract):
    """Folders below a shared mount."""

    kind_of_world = RealWorld


class TestFileLocks(LocksContract):
    """Lock files."""

    kind_of_world = RealWorld


class TestDiskRecords(RecordsContract):
    """Files of JSON."""

    kind_of_world = RealWorld


class TestDiskSecrets(SecretsContract):
    """Files that only root reads."""

    kind_of_world = RealWorld


class TestLoopFilePool(BlockStorageContract):
    """Files as loop devices."""

    kind_of_world = RealStorage


class TestLinuxFileSystems(FileSystemsContract):
    """ext4 and xfs."""

    kind_of_world = RealStorage

    @pytest.mark.parametrize("kind", [FileSystemKind.XFS], indirect=True)
    def test_a_growing_that_only_the_journal_knows_counts(self, world: RealStorage, made: Made) -> None:
        """As a power cut leaves it: what is cut off by its superblock's size could not be mounted again."""
        filesystems = world.ports.filesystems
        filesystems.mount(*made.mount)
        world.write(*made.share, DATA)
        filesystems.unmount(*made.share)
        before = filesystems.size(made.device, made.filesystem)
        world.ports.storage.grow_volume(made.volume_id, larger := Capacity(before.bytes + 128 * MIB))
        world.growth_in_journal(made)
        assert before == filesystems.size(made.device, made.filesystem)
        filesystems.check(made.device, made.filesystem)
        assert larger == filesystems.size(made.device, made.filesystem)
        filesystems.mount(*made.mount)
        assert DATA == world.read(*made.share)


class TestLinuxNetwork(NetworkContract):
    """Bridges and veth pairs."""

    kind_of_world = RealDevices


class TestDockerRuntime(ServerRuntimeContract):
    """Containers of Docker's."""

    kind_of_world = RealContainers


class TestSambaConfig(SmbConfigContract):
    """The files that smbd reads."""

    kind_of_world = RealSmb


class TestSambaSessions(SmbSessionsContract):
    """smbd's processes."""

    kind_of_world = RealSmb
