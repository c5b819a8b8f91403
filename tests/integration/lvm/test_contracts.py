"""The contract of storage on logical volumes: the same tests as for files."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from shares_core import InvalidInput
from tests.contracts.pools import PoolsContract
from tests.contracts.storage import BlockStorageContract
from tests.contracts.storage_world import StorageWorld
from tests.integration.support.contract_lvm import (
    Groups,
    LvmStorage,
    MixedPools,
    ThickStorage,
    ThinStorage,
    shared_groups,
)
from tests.settings import with_pool


@pytest.fixture(scope="module")
def groups() -> Iterator[Groups]:
    with shared_groups() as made:
        yield made


@pytest.fixture
def world(request: pytest.FixtureRequest, groups: Groups) -> Iterator[LvmStorage]:
    """The world that the class names, removed after the test."""
    kind: Callable[[Groups], LvmStorage] = request.cls.kind_of_world
    made = kind(groups)
    try:
        yield made
    finally:
        made.close()


class TestVolumeGroupPool(BlockStorageContract):
    """Thick volumes."""

    kind_of_world = ThickStorage

    def test_an_overprovisioned_pool_promises_more_than_it_has(self, world: StorageWorld) -> None:
        """Does not apply: extents cannot be promised twice, and the settings refuse it."""
        assert isinstance(world, ThickStorage)
        with pytest.raises(InvalidInput):
            with_pool(world.config, overprovision=True)


class TestThinPool(BlockStorageContract):
    """Volumes of a thin pool."""

    kind_of_world = ThinStorage


class TestMixedPools(PoolsContract):
    """Files, thick and thin volumes at once."""

    kind_of_world = MixedPools
