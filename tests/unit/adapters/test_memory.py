from __future__ import annotations

import doctest
import threading
from collections.abc import Callable
from functools import partial

import pytest
from tests.contracts.values import OWNER, new_share_volume, ref
from tests.unit.world import LARGE, SMALL

from shares_core import testing as memory
from shares_core.domain.capacity import GIB, Capacity
from shares_core.domain.errors import (
    BackendFailure,
    Busy,
    Conflict,
    HostNotReady,
    OnlineGrowRefused,
    ShareFailed,
)
from shares_core.domain.views import RunState
from shares_core.domain.volume import DEFAULT_POOL, ShareVolume
from shares_core.ports import Ports
from shares_core.testing import (
    ContractBroken,
    Fault,
    FaultPlan,
    MemoryHost,
    Moment,
    intercept,
    memory_ports,
)

V = ref("0123456789ab")
EXT4, OTHER = new_share_volume(ref=V), new_share_volume(ref=V)


@pytest.fixture
def machine() -> MemoryHost:
    return MemoryHost()


@pytest.fixture
def ports(machine: MemoryHost) -> Ports:
    ports = memory_ports(machine)
    ports.storage.prepare(DEFAULT_POOL)
    ports.folders.ensure("1", 7)
    return ports


def made(ports: Ports, volume: ShareVolume = EXT4) -> str:
    ports.storage.ensure_volume(V, SMALL, OWNER)
    device = ports.storage.attach(V)
    ports.filesystems.make(device, volume)
    return device


def test_the_docstring_of_the_package_runs() -> None:
    """The examples for embedding tools work."""
    assert 0 == doctest.testmod(memory).failed


def test_a_file_system_is_made_on_zeros_only(machine: MemoryHost, ports: Ports) -> None:
    """The same one again is fine, anything else is a conflict and stays."""
    device = made(ports)
    ports.filesystems.make(device, EXT4)
    content = machine.volumes[V].content
    with pytest.raises(Conflict):
        ports.filesystems.make(device, OTHER)
    assert content is machine.volumes[V].content


def test_an_interrupted_make_leaves_a_volume_to_remove(machine: MemoryHost, ports: Ports) -> None:
    """Nobody makes a file system over it."""
    ports.storage.ensure_volume(V, SMALL, OWNER)
    device = ports.storage.attach(V)
    failing = intercept(ports, FaultPlan().on("filesystems.make", Fault(Moment.HALFWAY)))
    with pytest.raises(BackendFailure):
        failing.filesystems.make(device, EXT4)
    with pytest.raises(Conflict):
        ports.filesystems.make(device, EXT4)
    ports.storage.remove_volume(V)
    assert ({}, set()) == (machine.volumes, machine.attached)


def test_only_the_right_file_system_is_mounted(machine: MemoryHost, ports: Ports) -> None:
    """Another identity, a missing device and zeros are refused, and nothing is mounted."""
    device = made(ports)
    ports.storage.ensure_volume(ref("f" * 12), SMALL, OWNER)
    for wrong, identity in (
        (device, OTHER),
        ("/dev/memory/none", EXT4),
        (ports.storage.attach(ref("f" * 12)), EXT4),
    ):
        with pytest.raises(ShareFailed):
            ports.filesystems.mount("1", "s", wrong, identity, 7)
    assert {} == machine.mounts
    ports.filesystems.mount("1", "s", device, EXT4, 7)
    ports.filesystems.mount("1", "s", device, EXT4, 7)
    assert ports.filesystems.mounted("1", "s")


def test_nothing_is_removed_under_a_mount_in_memory(ports: Ports) -> None:
    """Volume, device and folder stay until it is unmounted."""
    ports.filesystems.mount("1", "s", made(ports), EXT4, 7)
    attempts: list[Callable[[], None]] = [
        lambda: ports.storage.detach(V),
        lambda: ports.storage.remove_volume(V),
        lambda: ports.folders.remove("1"),
    ]
    for attempt in attempts:
        with pytest.raises(BackendFailure):
            attempt()
    ports.filesystems.unmount("1", "s")
    ports.folders.remove("1")
    ports.storage.remove_volume(V)
    ports.storage.remove_volume(V)


def test_a_kernel_that_does_not_grow_mounted_ext4_says_so() -> None:
    """And changes nothing; unmounted it grows."""
    machine = MemoryHost(online_grow=())
    ports = memory_ports(machine)
    ports.storage.prepare(DEFAULT_POOL)
    ports.folders.ensure("1", 7)
    device = made(ports)
    ports.filesystems.mount("1", "s", device, EXT4, 7)
    ports.storage.grow_volume(V, LARGE)
    with pytest.raises(OnlineGrowRefused):
        ports.filesystems.grow_mounted("1", "s", device, EXT4)
    assert SMALL == ports.filesystems.size(device, EXT4)
    ports.filesystems.unmount("1", "s")
    ports.filesystems.grow_unmounted(device, EXT4)
    assert LARGE == ports.filesystems.size(device, EXT4)


def test_cutting_into_a_file_system_is_a_callers_bug(ports: Ports) -> None:
    """It is not an error that a use case could catch."""
    made(ports)
    with pytest.raises(ContractBroken):
        ports.storage.cut_volume(V, Capacity(SMALL.bytes // 2))


def test_a_volume_of_another_size_is_a_conflict(ports: Ports) -> None:
    """The same size again is what exists."""
    assert ports.storage.ensure_volume(V, SMALL, OWNER) == ports.storage.ensure_volume(V, SMALL, OWNER)
    with pytest.raises(Conflict):
        ports.storage.ensure_volume(V, LARGE, OWNER)


def test_a_pool_without_its_identity_takes_nothing(machine: MemoryHost) -> None:
    """Its figures can be read; a missing pool is never an empty one."""
    storage = memory_ports(machine).storage
    assert (100 * GIB, ()) == (storage.pool(DEFAULT_POOL).free, storage.list(DEFAULT_POOL))
    with pytest.raises(HostNotReady):
        storage.ensure_volume(V, SMALL, OWNER)
    machine.lost_pools.add(DEFAULT_POOL)
    attempts: list[Callable[[], object]] = [
        *(partial(verb, DEFAULT_POOL) for verb in (storage.prepare, storage.pool, storage.list)),
        lambda: storage.remove_volume(V),
    ]
    for attempt in attempts:
        with pytest.raises(HostNotReady):
            attempt()


def test_a_container_with_other_settings_is_a_conflict(ports: Ports) -> None:
    """Removing an absent container succeeds."""
    ports.runtime.ensure("1", 7)
    ports.runtime.ensure("1", 7)
    with pytest.raises(Conflict):
        ports.runtime.ensure("1", 8)
    for server in ("1", "absent"):
        ports.runtime.remove(server)
    assert RunState.ABSENT is ports.runtime.inspect("1").state


def test_a_reboot_leaves_data_and_definitions(machine: MemoryHost, ports: Ports) -> None:
    """Mounts, devices, folders and running containers are gone; volumes and containers stay."""
    ports.filesystems.mount("1", "s", made(ports), EXT4, 7)
    ports.runtime.ensure("1", 7)
    ports.runtime.start("1")
    machine.reboot()
    assert RunState.STOPPED is ports.runtime.inspect("1").state
    assert ({}, set(), [V], ()) == (
        machine.mounts,
        machine.attached,
        list(machine.volumes),
        ports.folders.list(),
    )
    with pytest.raises(BackendFailure):
        ports.runtime.start("1")  # not before its folders are ensured again


def test_locks_are_taken_in_their_order(machine: MemoryHost, ports: Ports) -> None:
    """Taking one twice, backwards or after the claims is a caller's bug; waiting too long is Busy."""
    locks = ports.locks
    for first, second in (
        (locks.server("1"), locks.server("1")),
        (locks.server("2"), locks.server("1")),
        (locks.claims(), locks.server("1")),
        (locks.claims(), locks.claims()),
    ):
        with first, pytest.raises(ContractBroken), second:
            pass
    assert frozenset() == machine.lock_table.held
    outcomes: list[bool] = []

    def other() -> None:
        try:
            with memory_ports(machine, lock_timeout=0).locks.server("1"):
                outcomes.append(True)
        except Busy:
            outcomes.append(False)

    for _ in range(2):
        with locks.server("1" if not outcomes else "2"):
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
    assert [False, True] == outcomes
