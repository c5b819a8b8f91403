"""A state folder on a larger disk, with a symbolic link in its former place."""

from __future__ import annotations

import itertools
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

import shares_core
from shares_core import BackendFailure, Capacity, FilePool, HostConfig, bootstrap
from shares_core.domain.addresses import BridgeName
from shares_core.domain.errors import InvalidInput
from shares_core.domain.volume import DEFAULT_POOL
from tests.settings import folder_of
from tests.testkit.footprint import footprint, mounts_below
from tests.testkit.leftovers import BRIDGE_PREFIX, ROOT, remove_installation

_NOTHING: dict[str, list[str]] = {
    key: [] for key in ("containers", "devices", "filters", "mounts", "loops", "files")
}
_numbers = itertools.count()


@pytest.fixture
def moved() -> Iterator[tuple[HostConfig, HostConfig]]:
    """Settings that name links, and settings that name their targets, which are empty folders."""
    real, links = (ROOT / f"run-{uuid.uuid4().hex[:8]}" for _ in range(2))
    for folder in (real, links):
        folder.mkdir(mode=0o700)
    for name in ("state", "pool"):
        (real / name).mkdir(mode=0o700)
        (links / name).symlink_to(real / name)
    bridge = BridgeName(f"{BRIDGE_PREFIX}{os.getpid() % 100000}l{next(_numbers)}")
    network = evolve(HostConfig(state_dir=real).network, bridge=bridge)
    made, named = (
        HostConfig(
            state_dir=folder / "state",
            network=network,
            pools=(FilePool(dir=folder / "pool", size=Capacity.parse("1GiB")),),
        )
        for folder in (real, links)
    )
    try:
        yield named, made
    finally:
        remove_installation(real / "state")
        remove_installation(real)
        remove_installation(links)


def test_everything_works_behind_a_link(moved: tuple[HostConfig, HostConfig]) -> None:
    """Each mount exists once, a restart finds everything, and at the end nothing is left."""
    config, real = moved
    host = shares_core.open_host(config)
    server_id = host.servers.create("tenant").server.id
    host.shares.create("tenant", "files", Capacity.parse("64MiB"))
    host.access.allow("tenant", "files", "ada")
    servers = real.state_dir / "servers"
    own = servers / server_id
    share = next(iter(host.servers.show("tenant").server.shares))
    expected = [str(servers), str(own), str(own / "shares" / share.id)]
    assert mounts_below(real.state_dir) == expected
    for _ in range(2):
        assert host.fleet.reconcile().is_empty
        assert mounts_below(real.state_dir) == expected
    host.servers.stop("tenant")
    host.servers.start("tenant")
    assert mounts_below(real.state_dir) == expected
    assert str(folder_of(real)) == host.pool.show().location
    host.shares.delete("tenant", "files")
    host.servers.delete("tenant")
    assert footprint(real) == _NOTHING


def test_a_mount_behind_a_link_is_not_removed(moved: tuple[HostConfig, HostConfig]) -> None:
    """Otherwise its content would be deleted with the folder."""
    config, real = moved
    folders = bootstrap.ports(config).folders
    folders.ensure("0" * 12, 2000)
    target = real.state_dir / "servers" / ("0" * 12) / "shares" / ("5" * 12)
    target.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "somebodys", target], check=True)
    with pytest.raises(BackendFailure, match="still mounted"):
        folders.remove("0" * 12)
    subprocess.run(["umount", target], check=True)
    folders.remove("0" * 12)
    assert (folders.list(), mounts_below(real.state_dir)) == ((), [])


def test_a_link_cannot_lead_to_what_the_settings_refuse(moved: tuple[HostConfig, HostConfig]) -> None:
    """Mount options and the mount table get its target."""
    config, real = moved
    strange = Path(f"{real.state_dir}, strange")
    config.state_dir.unlink()
    config.state_dir.symlink_to(strange)
    with pytest.raises(InvalidInput, match="strange"):
        bootstrap.ports(config)
    config.state_dir.unlink()
    config.state_dir.symlink_to(real.state_dir)
    assert bootstrap.ports(config).storage.pool(DEFAULT_POOL).location == str(folder_of(real))


def test_a_folder_that_a_link_leads_to_is_made(moved: tuple[HostConfig, HostConfig]) -> None:
    """As without the link."""
    config, real = moved
    real.state_dir.rmdir()
    bootstrap.ports(config).folders.ensure("0" * 12, 2000)
    servers = real.state_dir / "servers"
    assert [str(servers), str(servers / ("0" * 12))] == mounts_below(real.state_dir)
