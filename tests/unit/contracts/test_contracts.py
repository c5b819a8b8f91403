"""The contracts' suites on the ports in memory."""

from __future__ import annotations

import sys

import pytest
from tests.contracts.audit import AuditContract
from tests.contracts.clock import ClockContract
from tests.contracts.events import EventsContract
from tests.contracts.every_port import SUITES, suites_run_by
from tests.contracts.filesystems import FileSystemsContract
from tests.contracts.folders import ServerFoldersContract
from tests.contracts.ids import IdsContract
from tests.contracts.locks import LocksContract
from tests.contracts.network import NetworkContract
from tests.contracts.pools import PoolsContract
from tests.contracts.processes import ServerProcessesContract
from tests.contracts.progress import ProgressContract
from tests.contracts.records import RecordsContract
from tests.contracts.runtime import ServerRuntimeContract
from tests.contracts.secrets import SecretsContract
from tests.contracts.smb import SmbConfigContract, SmbFilesContract, SmbSessionsContract
from tests.contracts.storage import BlockStorageContract
from tests.contracts.workers import WorkersContract
from tests.unit.contracts.memory_mounts import MemoryMounts
from tests.unit.contracts.memory_servers import MemoryDevices, MemorySmb
from tests.unit.contracts.memory_world import MemoryPools, MemoryWorld


def test_every_suite_runs_here() -> None:
    """No suite can be forgotten."""
    assert set(SUITES.values()) == suites_run_by(sys.modules[__name__])


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


class TestMemoryClock(ClockContract):
    """On a host's time that stands still."""


class TestMemoryEvents(EventsContract):
    """On a host's list of events."""


class TestSerialWorkers(WorkersContract):
    """One after the other."""


class TestMemoryIds(IdsContract):
    """On a host's counter."""


class TestMemoryAuditTrails(AuditContract):
    """On a host's trails."""


class TestMemoryFolders(ServerFoldersContract):
    """On a host's folders."""


class TestMemoryLocks(LocksContract):
    """On a host's table of locks."""


class TestMemoryProgress(ProgressContract):
    """On a host's table of what was reported."""


class TestMemoryRecords(RecordsContract):
    """On a host's records."""


class TestMemoryRuntime(ServerRuntimeContract):
    """On a host's containers."""


class TestMemorySecrets(SecretsContract):
    """On a host's secrets."""


class TestMemoryStorage(BlockStorageContract):
    """On a host's volumes."""


class TestMemoryPools(PoolsContract):
    """On a host with several pools."""

    @pytest.fixture
    def world(self) -> MemoryPools:
        return MemoryPools()


class TestMemoryFileSystems(FileSystemsContract):
    """On a host's mounts."""

    @pytest.fixture
    def world(self) -> MemoryMounts:
        return MemoryMounts()


class TestMemoryNetwork(NetworkContract):
    """On a host's devices."""

    @pytest.fixture
    def world(self) -> MemoryDevices:
        return MemoryDevices()


@pytest.fixture(params=[False, True], ids=["prompt", "lagging"])
def smb_world(request: pytest.FixtureRequest) -> MemorySmb:
    """A world whose connections reload at once, and a lagging one."""
    return MemorySmb(lagging=request.param)


class TestMemoryProcesses(ServerProcessesContract):
    """On a host's connections."""

    @pytest.fixture
    def world(self, smb_world: MemorySmb) -> MemorySmb:
        return smb_world


class TestMemorySmbConfig(SmbConfigContract):
    """On a host's configurations."""

    @pytest.fixture
    def world(self, smb_world: MemorySmb) -> MemorySmb:
        return smb_world


class TestMemorySmbFiles(SmbFilesContract):
    """On a host's mounted file systems."""

    @pytest.fixture
    def world(self, smb_world: MemorySmb) -> MemorySmb:
        return smb_world


class TestMemorySmbSessions(SmbSessionsContract):
    """On a host's connections."""

    @pytest.fixture
    def world(self, smb_world: MemorySmb) -> MemorySmb:
        return smb_world
