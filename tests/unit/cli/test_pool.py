"""``pool show`` and ``pool create``."""

from __future__ import annotations

import re

import pytest
from attrs import evolve
from tests.unit.cli.terminal import Terminal

from shares_core import bootstrap
from shares_core.bootstrap import Host, host
from shares_core.config import HostConfig
from shares_core.domain.capacity import MIB
from shares_core.domain.errors import Conflict
from shares_core.domain.pools import DevicePath
from shares_core.domain.views import PoolView
from shares_core.domain.volume import DEFAULT_POOL, PoolName
from shares_core.ports import Events
from shares_core.testing import memory_ports
from shares_core.testing.storage import MemoryStorage

POOL_KEYS = [
    *(
        "name",
        "kind",
        "location",
        "total_bytes",
        "provisioned_bytes",
        "free_bytes",
        "total",
        "provisioned",
        "free",
    ),
    *("overprovisioned", "data_percent", "metadata_percent", "snapshots", "warnings"),
]


class ThinStorage(MemoryStorage):
    """A pool in memory that looks like a thin pool."""

    data_percent = 12.34
    metadata_percent = 5.0

    def pool(self, pool: PoolName) -> PoolView:
        return evolve(
            super().pool(pool),
            kind="lvm thin",
            location="vg/pool",
            data_percent=self.data_percent,
            metadata_percent=self.metadata_percent,
        )


@pytest.fixture
def thin(served: Terminal) -> ThinStorage:
    """The pool of the terminal's host."""
    storage = ThinStorage(served.world.machine)

    def open_host(config: HostConfig, events: Events) -> Host:
        ports = memory_ports(served.world.machine, events=events)
        return host(evolve(ports, storage=storage), config.network)

    served.use(open_host=open_host)
    return storage


def test_the_document_of_a_pool(served: Terminal) -> None:
    """The percentages are null without a thin pool."""
    document = served.ok("pool", "show", "--json").document
    assert POOL_KEYS == list(document)
    assert 64 * MIB == document["provisioned_bytes"]
    assert document["total_bytes"] - document["provisioned_bytes"] == document["free_bytes"]
    assert [None, None, []] == [document[key] for key in ("data_percent", "metadata_percent", "warnings")]
    out = served.ok("pool", "show").out
    assert "64 MiB, promised to shares\n" in out
    assert "used" not in out


FAST = PoolName("fast")


@pytest.fixture
def several(served: Terminal) -> Terminal:
    """A terminal whose host has a second pool, with a volume in it."""
    served.world.machine.pools += (FAST,)
    served.ok("share", "create", "tenant", "more", "--size", "128MiB", "--pool", "fast")
    return served


def test_every_pool_is_listed_and_each_is_shown_by_its_name(several: Terminal) -> None:
    """Without a name the default pool is shown."""
    listed = several.ok("pool", "list", "--json").document
    assert [[*POOL_KEYS, "problem"]] * 2 == list(map(list, listed))
    assert [("default", 64 * MIB, ""), ("fast", 128 * MIB, "")] == [
        (each["name"], each["provisioned_bytes"], each["problem"]) for each in listed
    ]
    shown = [several.ok("pool", "show", *name, "--json").document for name in ([], ["fast"])]
    assert listed == [each | {"problem": ""} for each in shown]
    lines = several.ok("pool", "list").out.splitlines()
    assert ["POOL", "default", "fast"] == [line.split()[0] for line in lines]
    result = several("pool", "show", "slow")
    assert 3 == result.status
    assert "name one that is there: default, fast" in result.err


def test_a_missing_pool_is_listed_with_its_problem(several: Terminal) -> None:
    """The others have their figures."""
    several.world.machine.lost_pools.add(DEFAULT_POOL)
    lost, there = several("pool", "list", "--json").document
    assert ("default", None) == (lost["name"], lost["free_bytes"])
    assert "the pool default is not there" in lost["problem"]
    assert (128 * MIB, "") == (there["provisioned_bytes"], there["problem"])
    result = several("pool", "list")
    assert (0, "is not there") == (result.status, " ".join(result.out.splitlines()[1].split()[1:]))
    assert result.err.startswith("pool default: the pool default is not there")


def test_a_missing_pool_is_not_an_empty_one(served: Terminal) -> None:
    served.world.machine.lost_pools.add(DEFAULT_POOL)
    result = served("pool", "show", "--json")
    assert (6, "host_not_ready") == (result.status, result.document["error"]["code"])


def test_a_thin_pool_shows_how_full_it_is(served: Terminal, thin: ThinStorage) -> None:
    """Rounded for people, exact for programs; without a warning."""
    out = served.ok("pool", "show").out
    told = dict(re.split(r" {2,}", line, maxsplit=1) for line in out.splitlines())
    expected = ["lvm thin at vg/pool", "12.3 %", "5.0 %"]
    assert expected == [told[name] for name in ("volumes", "data used", "metadata used")]
    assert "warning" not in out
    document = served.ok("pool", "show", "--json").document
    assert POOL_KEYS == list(document)
    assert [12.34, 5.0, []] == [document[key] for key in ("data_percent", "metadata_percent", "warnings")]


def test_a_thin_pool_that_fills_up_says_how_to_enlarge_it(served: Terminal, thin: ThinStorage) -> None:
    """Its data and its tables, each with its own command: a warning is not an error."""
    thin.data_percent, thin.metadata_percent = 93.4, 80.6
    data = "the data of vg/pool is 93 % full: make it larger with 'lvextend --size +SIZE vg/pool'"
    larger = "make it larger with 'lvextend --poolmetadatasize +SIZE vg/pool'"
    warnings = [data, f"the metadata of vg/pool is 81 % full: {larger}"]
    out = served.ok("pool", "show").out
    assert [f"warning: {warning}" for warning in warnings] == out.splitlines()[-2:]
    assert warnings == served.ok("pool", "show", "--json").document["warnings"]


def test_an_overprovisioned_pool_says_what_that_means(served: Terminal) -> None:
    assert "overprovisioned" not in served.ok("pool", "show").out
    served.world.machine.overprovision = True
    assert "\noverprovisioned: when its disk is full, writes fail in shares" in served.ok("pool", "show").out
    assert served.ok("pool", "show", "--json").document["overprovisioned"]


def test_a_pool_is_made_on_a_device_once(terminal: Terminal) -> None:
    """Making it again is not an error, and says that it exists."""
    out = terminal.ok("pool", "create", "/dev/sdb").out
    assert "the pool memory is made: 100 GiB free, for new shares\n" == out
    out = terminal.ok("pool", "create", "/dev/sdb").out
    assert "the pool memory is there already: 100 GiB free, for new shares\n" == out
    assert [DevicePath("/dev/sdb")] * 2 == terminal.pool_maker.devices
    assert {terminal.state_dir} == {config.state_dir for config in terminal.configs}


def test_a_pool_is_made_by_its_name(several: Terminal) -> None:
    """It is then shown."""
    document = several.ok("pool", "create", "--pool", "fast", "/dev/sdb", "--json").document
    assert "fast" == document["name"]
    several.ok("pool", "create", "/dev/sdb")
    assert [FAST, DEFAULT_POOL] == several.pool_maker.pools


def test_the_document_of_a_pool_that_was_made(terminal: Terminal) -> None:
    """A pool's, and whether anything was made."""
    first, again = (terminal.ok("pool", "create", "/dev/sdb", "--json").document for _ in range(2))
    assert [*POOL_KEYS, "created"] == list(first) == list(again)
    assert (True, False) == (first["created"], again["created"])


def test_a_device_may_be_left_out(terminal: Terminal) -> None:
    """For a thin pool in an existing group: no device is guessed."""
    terminal.ok("pool", "create")
    assert [None] == terminal.pool_maker.devices


@pytest.mark.parametrize("device", ["sdb", "", "/dev/../sdb", "/dev/s db", "/dev/sdb;x", "/dev/$(x)", "é"])
def test_anything_but_a_device_is_bad_input(terminal: Terminal, device: str) -> None:
    """Also without root: this is checked first, and nothing is made."""
    for is_root in (True, False):
        terminal.use(is_root=lambda answer=is_root: answer)
        result = terminal("pool", "create", device)
        assert (2, "") == (result.status, result.out)
        assert "is not the path of a device\nhint: give an absolute path like /dev/sdb\n" in result.err
    assert 2 == terminal("pool", "create", "-x").status
    assert [] == terminal.pool_maker.devices


def test_making_a_pool_needs_root(terminal: Terminal) -> None:
    """With root's rights it is made."""
    terminal.use(is_root=lambda: False)
    result = terminal("pool", "create", "/dev/sdb")
    assert (6, "") == (result.status, result.out)
    assert result.err.startswith("error: making a pool needs root\nhint: run it as root")
    assert [] == terminal.pool_maker.devices
    terminal.use(is_root=lambda: True)
    terminal.ok("pool", "create", "/dev/sdb")


def test_a_device_that_holds_something_is_a_conflict(terminal: Terminal) -> None:
    """Reported like any error of the library."""

    class Refusing:
        def build(self, device: DevicePath | None) -> bool:
            raise Conflict(f"{device} is not empty, it holds ext4", hint="look at what it is")

    terminal.use(pool_builder=lambda *_: Refusing())
    result = terminal("pool", "create", "/dev/sdb", "--json")
    assert (4, "conflict") == (result.status, result.document["error"]["code"])
    assert "error: /dev/sdb is not empty, it holds ext4\nhint: look at what it is\n" == result.err


def test_no_command_makes_a_pool_of_files(terminal: Terminal) -> None:
    """The error says so; nothing is made."""
    terminal.use(pool_builder=bootstrap.pool_builder)
    result = terminal("pool", "create", "/dev/sdb")
    assert (2, "") == (result.status, result.out)
    assert f"the pool default is of files in {terminal.state_dir}/pool, which are made when" in result.err


def test_a_pool_gets_larger_and_never_smaller(served: Terminal) -> None:
    """Whatever else is wrong with the request changes nothing."""
    before = served.world.machine.pool_size
    assert "the pool default has " in served.ok("pool", "extend", "default", "--size", "2TiB").out
    document = served.ok("pool", "extend", "default", "--size", "2TiB", "--json").document
    assert (POOL_KEYS, 2 << 40) == (list(document), document["total_bytes"])
    for arguments, status in (
        (("default", "--size", str(before).replace(" ", "")), 2),
        (("default", "--size", "much"), 2),
        (("default",), 2),
        (("none", "--size", "3TiB"), 3),
    ):
        assert status == served("pool", "extend", *arguments).status, arguments
    assert 2 << 40 == served.world.machine.pool_size.bytes
