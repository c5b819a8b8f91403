"""Settings, in Python and from a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.settings import folder_of

from shares_core.bootstrap import Host, open_host
from shares_core.config import (
    DockerSettings,
    FilePool,
    HostConfig,
    LvmPool,
    ServerSettings,
    reading,
    settings,
)
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.errors import InvalidInput
from shares_core.domain.pools import VolumeGroupName
from shares_core.entrypoints.cli import Doors

WHOLE = """
state_dir = "/srv/state"
lock_timeout = 7
[pool]
dir = "/srv/pool"
size = "500GiB"
overprovision = true
[network]
bridge = "shares9"
subnet = "10.9.0.0/24"
mtu = 9000
[docker]
url = "unix:///run/x.sock"
image = "other"
[server]
memory = "256MiB"
processes = 100
"""


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def _load(tmp_path: Path, text: str) -> HostConfig:
    return HostConfig.load(_file(tmp_path, text))


def test_every_key_of_a_file_is_read(tmp_path: Path) -> None:
    """Each sets its own setting."""
    config = _load(tmp_path, WHOLE)
    assert (Path("/srv/state"), 7) == (config.state_dir, config.lock_timeout)
    pool = FilePool(dir="/srv/pool", size=Capacity(500 * GIB), overprovision=True)
    assert (pool,) == config.pools
    network = config.network
    assert ("shares9", "10.9.0.0/24", 9000) == (str(network.bridge), str(network.subnet), network.mtu)
    assert ("unix:///run/x.sock", "other") == (config.docker.url, config.docker.image)
    assert (Capacity(256 * MIB), 100) == (config.server.memory, config.server.processes)


def test_the_docstring_of_load_has_every_key_of_a_file() -> None:
    """And no other key."""
    said: set[str] = set()
    section = ""
    for word, key in re.findall(r"\[(\w+)\]|(\w+) = ", HostConfig.load.__doc__ or ""):
        section = f"{word}." if word else section
        if key:
            said.add(section + key)
    assert set(reading.known_keys()) == said


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    """Like no file; the pool is in the state folder."""
    assert HostConfig() == _load(tmp_path, "")
    assert Path("/var/lib/shares-core/pool") == folder_of(HostConfig())


def test_a_named_state_folder_wins_over_the_file(tmp_path: Path) -> None:
    """The pool follows it, unless the file places it elsewhere."""
    path = _file(tmp_path, 'state_dir = "/srv/state"')
    config = HostConfig.load(path, state_dir=Path("/srv/other"))
    assert (Path("/srv/other"), Path("/srv/other/pool")) == (config.state_dir, folder_of(config))


@pytest.mark.parametrize(
    ("text", "why", "hint"),
    [
        ("state_dir = ", "not TOML", "text stands in quotes"),
        (
            'colour = "red"',
            "unknown key: colour",
            "the keys are state_dir, lock_timeout, pool.kind, pool.name, pool.dir, pool.size,",
        ),
        ('[pool]\ncolour = "red"', "unknown key: pool.colour", "server.memory, server.processes"),
        ("pool = 5", "toml: pool must be a section, not 5", "write [pool] on a line"),
        ("pool = [5]", r"toml: pool must be a section, not \[5\]", "several write [[pool]]"),
        ("pool = []", "toml: pool: an installation has one pool at least", "LvmPool"),
        ("docker = 1", "toml: docker must be a section, not 1", "name in brackets"),
        ("[pool.size]\nx = 1", "pool.size must be text in quotes", 'write size = "500GiB"'),
        ("[pool]\nsize = 5", "pool.size must be text in quotes, not 5", 'write size = "500GiB"'),
        ('[pool]\nsize = "5 bananas"', "toml: pool.size: 'bananas' is not a unit", "KiB, MiB"),
        ('[pool]\nsize = "5 apples"', "toml: pool.size: 'apples' is not a unit", "KiB, MiB"),
        ('[pool]\noverprovision = "yes"', "overprovision must be true or false", "overprovision = false"),
        ("lock_timeout = true", "lock_timeout must be a whole number", "lock_timeout = 120"),
        ('state_dir = "relative"', "toml: state_dir: .*absolute", "/srv/shares"),
        ('state_dir = "/a/../b"', "absolute", "/srv/shares"),
        ('state_dir = "/a b"', "white space", "/srv/shares"),
        ('[pool]\ndir = "/a,b"', "toml: pool.dir: .*white space", "/srv/shares"),
        (
            '[network]\nsubnet = "10.0.0.1/24"',
            "toml: network.subnet: .* not an IPv4 network",
            "10.254.0.0/24",
        ),
        ('[network]\nsubnet = "10.0.0.0/31"', "too small", "/30"),
        ('[network]\nbridge = "a b"', "toml: network.bridge: bridge name", "at most 15"),
        ("[network]\nmtu = 5", "toml: network.mtu: .*MTU of 5", "from 1280"),
        ('[docker]\nimage = ""', "toml: docker.image: image cannot be empty", "shares-core-samba"),
        ('[docker]\nimage = "a b"', "white space: 'a b'", "shares-core-samba"),
        ('[docker]\nurl = ""', "toml: docker.url: url cannot be empty", "docker.sock"),
        ('[server]\nmemory = "1MiB"', "toml: server.memory: .*64 MiB", "64MiB or more"),
        ("[server]\nprocesses = 1", "toml: server.processes: .*at least 64", "64 or more"),
        ("lock_timeout = -1", "toml: lock_timeout: .*at least 0", "0 or more"),
        (
            '[pool]\nkind = "zfs"',
            "toml: pool.kind: 'zfs' is not a kind of pool",
            'kind = "files" or kind = "lvm"',
        ),
        ("[pool]\nkind = 1", "pool.kind must be text in quotes", 'write kind = "lvm"'),
        ('[pool]\nkind = "LVM"', "toml: pool.kind: 'LVM' is not a kind of pool", 'kind = "lvm"'),
        (
            '[pool]\nkind = "lvm"\nvolume_group = "-x"',
            "toml: pool.volume_group: volume group name '-x' cannot be used",
            "do not begin with '-'",
        ),
        (
            '[pool]\nkind = "lvm"\nvolume_group = 7',
            "toml: pool.volume_group must be text",
            "manila_docker_volumes",
        ),
        (
            '[pool]\nkind = "lvm"\nthin_pool = "a_tdata"',
            "toml: pool.thin_pool: thin pool name 'a_tdata' cannot be used",
            "LVM keeps",
        ),
        ('[pool]\nkind = "lvm"\nthin_pool = false', "toml: pool.thin_pool must be text", "thin_pool = "),
        ('[pool]\nkind = "lvm"\nwipe_deleted = 1', "pool.wipe_deleted must be true or false", "= true"),
        (
            '[pool]\nvolume_group = "vg0"',
            'pool.volume_group counts for nothing with .pool. kind = "files"',
            'write kind = "lvm" in [pool], or leave it out',
        ),
        ('[pool]\nthin_pool = "fast"', "toml: pool.thin_pool counts for nothing", 'kind = "lvm"'),
        ('[pool]\nkind = "files"\nwipe_deleted = true', "pool.wipe_deleted counts for", 'kind = "lvm"'),
        (
            '[pool]\nkind = "lvm"\ndir = "/srv/pool"',
            'pool.dir counts for nothing with .pool. kind = "lvm"',
            'write kind = "files" in [pool], or leave it out',
        ),
        ('[pool]\nsize = "1GiB"\nkind = "lvm"', "toml: pool.size counts for nothing", 'kind = "files"'),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, why: str, hint: str) -> None:
    """The error names the file, the key and what is wrong, and says what to write."""
    with pytest.raises(InvalidInput, match=why) as told:
        _load(tmp_path, text)
    assert str(tmp_path / "config.toml") in told.value.message
    assert hint in told.value.hint


@pytest.mark.parametrize(
    "wrong",
    [
        {"state_dir": 5},
        {"pools": ()},
        {"pools": [FilePool()]},
        {"pools": ("files",)},
        {"pools": (FilePool(), LvmPool())},
        {"network": "10.0.0.0/24"},
        {"docker": "unix:///run/docker.sock"},
        {"server": 64},
        {"lock_timeout": 1.5},
    ],
    ids=str,
)
def test_a_setting_of_a_wrong_type_is_refused_in_python_too(wrong: dict[str, Any]) -> None:
    """With a hint what to give instead."""
    with pytest.raises(InvalidInput) as told:
        HostConfig(**wrong)
    assert "" != told.value.hint


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        (FilePool, {"name": "fast"}),
        (FilePool, {"dir": 5}),
        (FilePool, {"dir": "relative"}),
        (FilePool, {"size": "5GiB"}),
        (FilePool, {"overprovision": "yes"}),
        (LvmPool, {"name": "fast"}),
        (LvmPool, {"volume_group": "vg0"}),
        (LvmPool, {"thin_pool": "fast"}),
        (LvmPool, {"wipe_deleted": "no"}),
        (LvmPool, {"volume_group": VolumeGroupName("x" * 107)}),
        (DockerSettings, {"image": None}),
        (DockerSettings, {"image": " "}),
        (DockerSettings, {"url": 7}),
        (ServerSettings, {"memory": "1GiB"}),
        (ServerSettings, {"memory": Capacity(64 * MIB - 1)}),
        (ServerSettings, {"processes": True}),
    ],
    ids=str,
)
def test_a_section_with_a_setting_of_a_wrong_type_is_refused(
    section: type[Any], wrong: dict[str, Any]
) -> None:
    """Also with a hint."""
    with pytest.raises(InvalidInput) as told:
        section(**wrong)
    assert "" != told.value.hint


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """A named file has to exist, and hold text."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, why in (("none.toml", "cannot be read"), ("binary", "not TOML"), ("nul\0", "not TOML")):
        with pytest.raises(InvalidInput, match=why) as told:
            HostConfig.load(tmp_path / name)
        assert "" != told.value.hint
    for wrong in (7, b"x"):
        with pytest.raises(InvalidInput, match="must be text or Path, not"):
            HostConfig.load(wrong)  # type: ignore[arg-type]


def test_a_file_can_be_named_by_text(tmp_path: Path) -> None:
    """And so is a state folder."""
    config = HostConfig.load(str(_file(tmp_path, "lock_timeout = 7")), state_dir="/srv/other")
    assert (7, Path("/srv/other")) == (config.lock_timeout, config.state_dir)


def test_the_machines_own_file_counts_if_none_is_named(tmp_path: Path) -> None:
    """If it exists; a named file replaces it, and the state folder wins over both."""
    own = _file(tmp_path, 'state_dir = "/srv/own"\nlock_timeout = 7')
    other = tmp_path / "other.toml"
    other.write_text("")
    assert Path("/srv/own") == HostConfig.load(machine_settings=own).state_dir
    assert HostConfig() == HostConfig.load(machine_settings=tmp_path / "absent.toml")
    assert HostConfig() == HostConfig.load(other, machine_settings=own)
    wins = HostConfig.load(state_dir="/srv/wins", machine_settings=own)
    assert (Path("/srv/wins"), 7) == (wins.state_dir, wins.lock_timeout)


def test_a_host_is_opened_with_the_machines_own_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at a shell: otherwise one machine would have two state folders, pools and networks."""
    monkeypatch.setattr(settings, "MACHINE_SETTINGS", _file(tmp_path, "colour = 1"))
    with pytest.raises(InvalidInput, match="unknown key: colour"):
        open_host()
    assert isinstance(open_host(HostConfig()), Host)
    monkeypatch.setattr(settings, "MACHINE_SETTINGS", tmp_path / "absent.toml")
    assert isinstance(open_host(), Host)
    with pytest.raises(InvalidInput, match="a host's configuration must be HostConfig, not text") as told:
        open_host("/srv/shares.toml")  # type: ignore[arg-type]
    assert "HostConfig.load(path) reads a file" == told.value.hint


def test_the_command_line_and_the_library_read_the_same_file() -> None:
    """Its path is defined once."""
    assert Path("/etc/shares-core.toml") == settings.MACHINE_SETTINGS == Doors().default_config
