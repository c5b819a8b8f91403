"""Settings, in Python and from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from shares_core.config import HostConfig
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.errors import InvalidInput

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


def _load(tmp_path: Path, text: str) -> HostConfig:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return HostConfig.load(path)


def test_every_key_of_a_file_is_read(tmp_path: Path) -> None:
    """Each goes where it says."""
    config = _load(tmp_path, WHOLE)
    assert (Path("/srv/state"), Path("/srv/pool"), 7) == (
        config.state_dir,
        config.pool_dir,
        config.lock_timeout,
    )
    assert (Capacity(500 * GIB), True) == (config.pool_size, config.overprovision)
    network = config.network
    assert ("shares9", "10.9.0.0/24", 9000) == (str(network.bridge), str(network.subnet), network.mtu)
    assert ("unix:///run/x.sock", "other") == (config.docker_url, config.image)
    assert (Capacity(256 * MIB), 100) == (config.memory, config.processes)


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    """As no file is; the pool lies in the state folder."""
    assert HostConfig() == _load(tmp_path, "") == HostConfig.load()
    assert Path("/var/lib/shares-core/pool") == HostConfig().pool_dir


def test_a_named_state_folder_wins_over_the_file(tmp_path: Path) -> None:
    """The pool follows it, unless the file places it elsewhere."""
    path = tmp_path / "config.toml"
    path.write_text('state_dir = "/srv/state"')
    config = HostConfig.load(path, state_dir=Path("/srv/other"))
    assert (Path("/srv/other"), Path("/srv/other/pool")) == (config.state_dir, config.pool_dir)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("state_dir = ", "not TOML"),
        ('colour = "red"', "unknown key: colour"),
        ('[pool]\ncolour = "red"', "unknown key: pool.colour"),
        ("[pool]\nsize = 5", "pool.size must be of type str"),
        ('[pool]\nsize = "5 apples"', "apples"),
        ('[pool]\noverprovision = "yes"', "must be of type bool"),
        ('state_dir = "relative"', "absolute"),
        ('state_dir = "/a/../b"', "absolute"),
        ('state_dir = "/a b"', "white space"),
        ('state_dir = "/a,b"', "white space"),
        ('[network]\nsubnet = "10.0.0.1/24"', "not an IPv4 network"),
        ('[network]\nsubnet = "10.0.0.0/31"', "too small"),
        ('[network]\nbridge = "a b"', "bridge name"),
        ('[server]\nmemory = "1MiB"', "64 MiB"),
        ("[server]\nprocesses = 1", "at least 64"),
        ("lock_timeout = -1", "at least 0"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, why: str) -> None:
    """Bad input is told with what is wrong about it."""
    with pytest.raises(InvalidInput, match=why):
        _load(tmp_path, text)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A named file must exist."""
    with pytest.raises(InvalidInput, match="cannot be read"):
        HostConfig.load(tmp_path / "none.toml")
