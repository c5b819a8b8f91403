"""The settings of a host, with one change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve

from shares_core import Capacity, FilePool, HostConfig, LvmPool
from shares_core.domain.volume import DEFAULT_POOL, PoolName


def volumes_in(config: HostConfig, pool: PoolName = DEFAULT_POOL) -> Path:
    """Where a pool of files has its volumes."""
    found = config.pool(pool)
    assert isinstance(found, FilePool)
    return found.folder / "volumes" if found.xfs_image else found.folder


def folder_of(config: HostConfig, pool: PoolName = DEFAULT_POOL) -> Path:
    """The folder of a pool of files."""
    found = config.pool(pool)
    assert isinstance(found, FilePool)
    return found.folder


def size_of(config: HostConfig) -> Capacity:
    """The size of the default pool, which is of files."""
    found = config.pool()
    assert isinstance(found, FilePool)
    return found.size


def group_of(config: HostConfig, pool: PoolName = DEFAULT_POOL) -> str:
    """The volume group of a pool of logical volumes."""
    found = config.pool(pool)
    assert isinstance(found, LvmPool)
    return str(found.volume_group)


def with_pool(config: HostConfig, **changes: Any) -> HostConfig:
    """With the default pool changed."""
    return config.with_pool(evolve(config.pool(), **changes))


def with_image(config: HostConfig, image: str) -> HostConfig:
    return evolve(config, docker=evolve(config.docker, image=image))


def with_docker(config: HostConfig, url: str) -> HostConfig:
    return evolve(config, docker=evolve(config.docker, url=url))
