"""Hosts whose pool is in the machine's spare volume group."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from attrs import frozen

from shares_core import LvmPool
from shares_core.domain.pools import ThinPoolName, VolumeGroupName
from tests.testkit.site import Site, opened_site
from tests.testkit.volume_groups import lvm

#: The size of a test's thin pool.
THIN_SIZE = "3g"


@frozen
class Pool:
    """A pool in the spare volume group, thick or thin."""

    group: str
    thin: bool

    @contextmanager
    def site(self) -> Iterator[Site]:
        """A host with this pool; afterwards the spare group has nothing of it."""
        if not self.thin:
            with opened_site(pools=(LvmPool(volume_group=VolumeGroupName(self.group)),)) as site:
                yield site
            return
        name = f"sctest-pool-{uuid.uuid4().hex[:8]}"
        lvm("lvcreate", "--yes", "--type", "thin-pool", "--size", THIN_SIZE, "--name", name, self.group)
        try:
            pool = LvmPool(volume_group=VolumeGroupName(self.group), thin_pool=ThinPoolName(name))
            with opened_site(pools=(pool,)) as site:
                yield site
        finally:
            lvm("lvremove", "--yes", f"{self.group}/{name}")


@pytest.fixture(params=["thick", "thin"])
def pool(request: pytest.FixtureRequest) -> Pool:
    """A pool in the spare volume group; without a group nothing here is collected."""
    return Pool(os.environ["SHARES_CORE_TEST_VG"], request.param == "thin")


@pytest.fixture
def lvm_site(pool: Pool) -> Iterator[Site]:
    with pool.site() as site:
        yield site
