"""What a pool's figures mean."""

from __future__ import annotations

import pytest
from attrs import evolve

from shares_core.domain.views import PoolView
from shares_core.domain.volume import DEFAULT_POOL

PLAIN = PoolView(DEFAULT_POOL, "lvm thin", "vg/pool", total=9, provisioned=4, free=5, overprovisioned=False)
DATA = "the data of vg/pool is {} % full: make it larger with lvextend with --size +SIZE vg/pool"
METADATA = (
    "the metadata of vg/pool is {} % full: make it larger with lvextend with --poolmetadatasize +SIZE vg/pool"
)


@pytest.mark.parametrize(
    ("data", "metadata", "warnings"),
    [
        (None, None, ()),
        (0.0, 0.0, ()),
        (80.0, 80.0, ()),
        (80.01, 80.0, (DATA.format(80),)),
        (80.0, 80.51, (METADATA.format(81),)),
        (None, 95.0, (METADATA.format(95),)),
        (100.0, 99.6, (DATA.format(100), METADATA.format(100))),
    ],
)
def test_a_pool_warns_of_each_part_more_than_80_per_cent_full(
    data: float | None, metadata: float | None, warnings: tuple[str, ...]
) -> None:
    """With the command that makes that part larger; a pool without percentages has nothing to warn of."""
    pool = evolve(PLAIN, data_percent=data, metadata_percent=metadata)
    assert warnings == tuple(map(str, pool.warnings))


def test_a_pool_has_no_percentages_unless_it_is_given_them() -> None:
    """Files and thick volumes have none."""
    assert (None, None) == (PLAIN.data_percent, PLAIN.metadata_percent)
