"""A record keeps whatever can be under way on a share."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.strategies import failures, share_operations
from tests.unit.adapters.values import SERVER, SHARE

from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.records import DiskRecords
from shares_core.app.operations import OPERATIONS
from shares_core.domain.errors import InvalidInput
from shares_core.domain.operation import ShareOperation
from shares_core.domain.share import Failure


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> DiskRecords:
    return DiskRecords(Layout(tmp_path_factory.mktemp("state")), OPERATIONS)


@given(operation=st.none() | share_operations(SHARE.id), failure=st.none() | failures())
def test_a_record_keeps_every_state_of_a_share(
    records: DiskRecords, operation: ShareOperation | None, failure: Failure | None
) -> None:
    """Every operation in every stage, with every failure that it may have."""
    try:
        share = evolve(SHARE, operation=operation, failure=failure)
    except InvalidInput:
        return  # no such share can be recorded
    server = SERVER.with_share(share)
    records.save(server)
    assert server == records.load(server.id)
