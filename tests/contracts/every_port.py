"""The suite of each port."""

from __future__ import annotations

from collections.abc import Mapping

from tests.contracts.audit import AuditContract
from tests.contracts.clock import ClockContract
from tests.contracts.events import EventsContract
from tests.contracts.filesystems import FileSystemsContract
from tests.contracts.folders import ServerFoldersContract
from tests.contracts.ids import IdsContract
from tests.contracts.locks import LocksContract
from tests.contracts.network import NetworkContract
from tests.contracts.processes import ServerProcessesContract
from tests.contracts.progress import ProgressContract
from tests.contracts.records import RecordsContract
from tests.contracts.runtime import ServerRuntimeContract
from tests.contracts.secrets import SecretsContract
from tests.contracts.smb import SmbConfigContract, SmbFilesContract, SmbSessionsContract
from tests.contracts.storage import BlockStorageContract
from tests.contracts.workers import WorkersContract

#: By the names of the fields of ``Ports``.
SUITES: Mapping[str, type] = {
    "runtime": ServerRuntimeContract,
    "processes": ServerProcessesContract,
    "folders": ServerFoldersContract,
    "storage": BlockStorageContract,
    "filesystems": FileSystemsContract,
    "network": NetworkContract,
    "smb_config": SmbConfigContract,
    "smb_sessions": SmbSessionsContract,
    "smb_files": SmbFilesContract,
    "records": RecordsContract,
    "secrets": SecretsContract,
    "audit": AuditContract,
    "locks": LocksContract,
    "progress": ProgressContract,
    "clock": ClockContract,
    "ids": IdsContract,
    "events": EventsContract,
    "workers": WorkersContract,
}


def suites_run_by(module: object) -> set[type]:
    """The suites that the classes of tests in a module inherit."""
    classes = [
        found for name, found in vars(module).items() if name.startswith("Test") and isinstance(found, type)
    ]
    return {suite for suite in SUITES.values() if any(issubclass(found, suite) for found in classes)}
