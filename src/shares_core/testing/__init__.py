"""Every port in memory, for the tests of this library and of tools that embed it.

>>> from shares_core import Capacity, HostConfig, bootstrap
>>> from shares_core.testing import Fault, FaultPlan, MemoryHost, Moment, memory_ports, verbs
>>> machine = MemoryHost()
>>> host = bootstrap.host(memory_ports(machine), HostConfig().network)
>>> tenant = host.servers.create("tenant-a").server
>>> share = host.shares.create("tenant-a", "projects", Capacity.parse("1GiB"))
>>> given = host.access.allow("tenant-a", "projects", "ada")
>>> session = machine.connect(tenant.id, "ada", given.password.reveal())
>>> session.open("projects", write=True).write(b"hello")

A ``MemoryHost`` is the machine, ``memory_ports`` one process that works on it, ``connect`` an SMB client. A
``FaultPlan`` makes any call of a port fail, or the process die there; ``MemoryHost.reboot`` pulls the plug. A
call is named by the field of ``Ports`` and the verb. ``verbs()`` lists all calls, ``plan.calls`` those made,
in order; ``shares_core.ports`` says what each does, and leaves when it is half-done.

>>> plan = FaultPlan().on("filesystems.make", Fault(Moment.AFTER))
>>> failing = bootstrap.host(memory_ports(machine, faults=plan), HostConfig().network)
>>> failing.shares.create("tenant-a", "more", Capacity.parse("1GiB"))
Traceback (most recent call last):
shares_core.domain.errors.BackendFailure: an injected fault
>>> [str(share.share.name) for share in host.shares.list("tenant-a")]  # nothing of it is left
['projects']
>>> [verb for verb in verbs() if verb.startswith("folders.")]
['folders.ensure', 'folders.ensured', 'folders.list', 'folders.remove']
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shares_core.ports import Events, Ports, ServerProcesses
from shares_core.testing.audit import MemoryAuditTrails
from shares_core.testing.clients import OpenFile, Session, SmbRefused
from shares_core.testing.clock import MemoryClock
from shares_core.testing.events import MemoryEvents
from shares_core.testing.faults import (
    Call,
    Fault,
    FaultPlan,
    Interceptor,
    Moment,
    ProcessDied,
    composed,
    intercept,
    verbs,
)
from shares_core.testing.filesystems import MemoryFileSystems
from shares_core.testing.folders import MemoryFolders
from shares_core.testing.host import MemoryHost
from shares_core.testing.ids import MemoryIds
from shares_core.testing.locks import MemoryLocks
from shares_core.testing.network import MemoryNetwork
from shares_core.testing.processes import MemoryProcesses
from shares_core.testing.progress import MemoryProgress
from shares_core.testing.records import MemoryRecords
from shares_core.testing.runtime import MemoryRuntime
from shares_core.testing.secrets import MemorySecrets
from shares_core.testing.smb import MemorySmbConfig, MemorySmbFiles, MemorySmbSessions
from shares_core.testing.state import ContractBroken
from shares_core.testing.storage import MemoryStorage
from shares_core.testing.workers import SerialWorkers

__all__ = [
    "Call",
    "ContractBroken",
    "Fault",
    "FaultPlan",
    "Interceptor",
    "MemoryHost",
    "Moment",
    "OpenFile",
    "ProcessDied",
    "Session",
    "SmbRefused",
    "composed",
    "intercept",
    "memory_ports",
    "verbs",
]


def memory_ports(
    host: MemoryHost,
    *,
    faults: Interceptor | None = None,
    events: Events | None = None,
    lock_timeout: float = 10,
) -> Ports:
    """One process's ports on ``host``. ``faults`` is usually a FaultPlan; ``lock_timeout`` is in seconds."""

    def compose(processes: ServerProcesses) -> Ports:
        return Ports(
            runtime=MemoryRuntime(host),
            processes=processes,
            folders=MemoryFolders(host),
            storage=MemoryStorage(host),
            filesystems=MemoryFileSystems(host),
            network=MemoryNetwork(host),
            smb_config=MemorySmbConfig(host, processes),
            smb_sessions=MemorySmbSessions(host, processes),
            smb_files=MemorySmbFiles(host),
            records=MemoryRecords(host),
            secrets=MemorySecrets(host),
            audit=MemoryAuditTrails(host),
            locks=MemoryLocks(host.lock_table, lock_timeout),
            progress=MemoryProgress(host),
            clock=MemoryClock(host),
            ids=MemoryIds(host),
            events=events or MemoryEvents(host),
            workers=SerialWorkers(),
        )

    return composed(MemoryProcesses(host), compose, _atomically(host, faults))


#: Ports whose verbs wait for others, or call other ports' verbs: they must not make anybody else wait.
_IN_STEPS = frozenset({"locks", "workers", "smb_config", "smb_sessions"})


def _atomically(host: MemoryHost, faults: Interceptor | None) -> Interceptor:
    """Verbs are atomic among threads, except those that call others."""

    def around(call: Call, proceed: Callable[[], Any]) -> Any:
        def effect() -> Any:
            if call.port in _IN_STEPS:
                return proceed()
            with host.mutex:
                return proceed()

        return effect() if faults is None else faults(call, effect)

    return around
