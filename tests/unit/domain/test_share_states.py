"""Every recordable state of a share makes sense: every operation with every failure."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.contracts.strategies import SHARE_OPERATIONS, failures, share_operations
from tests.contracts.values import new_share_volume

from shares_core.domain.access import AccessRule
from shares_core.domain.capacity import GIB, Capacity
from shares_core.domain.errors import InvalidInput, ShareFailed
from shares_core.domain.names import ShareName
from shares_core.domain.operation import ShareOperation, ShareStatus
from shares_core.domain.share import CifsShare, Failure, FailureKind

ID, OTHER = "5aaaaaaaaaaa", "5bbbbbbbbbbb"
PLAIN = CifsShare(ID, ShareName("files"), Capacity(GIB), new_share_volume())
OPERATIONS = share_operations(ID)
RULES = st.sampled_from([(), (AccessRule.for_user("ada", "rw"),)])


def check_makes_sense(share: CifsShare) -> None:
    """What all code that reads a share relies on."""
    operation, status = share.operation, share.status
    assert status in ShareStatus
    assert (ShareStatus.READY is status) == (operation is None and share.failure is None)
    assert (ShareStatus.FAILED is status) == (share.failure is not None and share.is_whole)
    assert bool(share.reason) == (share.failure is not None)
    if not share.is_whole:  # it is made or removed, which a failure does not end
        assert operation is not None
        assert (operation.status, False) == (status, share.damaged)
    if share.served:
        assert share.rules
        assert share.failure is None
        assert share.is_whole
        assert operation is None or operation.serves
    if share.damaged and operation is not None:
        assert share.is_recoverable == operation.despite_damage
    else:
        assert share.is_recoverable == (operation is not None)
    if status is ShareStatus.READY:
        assert share is share.require_ready()
        assert share.served == bool(share.rules)
    else:
        with pytest.raises(ShareFailed):
            share.require_ready()


def check_only_its_state_differs(share: CifsShare, after: CifsShare) -> None:
    """The rest of the share is as it was."""
    assert share == evolve(after, operation=share.operation, failure=share.failure)
    check_makes_sense(after)


@st.composite
def shares(draw: st.DrawFn) -> CifsShare:
    """Any share that can be built."""
    operation, failure = draw(st.none() | OPERATIONS), draw(st.none() | failures())
    if operation is not None and not operation.whole and failure is not None:
        failure = Failure.unavailable(failure.reason)
    return evolve(PLAIN, rules=draw(RULES), operation=operation, failure=failure)


@settings(max_examples=300)
@given(operation=st.none() | OPERATIONS, failure=st.none() | failures(), rules=RULES)
def test_a_share_that_makes_no_sense_cannot_be_built(
    operation: ShareOperation | None, failure: Failure | None, rules: tuple[AccessRule, ...]
) -> None:
    """Only a damaged share that is being made or removed does not."""
    damaged = failure is not None and failure.kind is FailureKind.DAMAGED
    if damaged and operation is not None and not operation.whole:
        event("refused")
        with pytest.raises(InvalidInput, match="cannot be damaged"):
            evolve(PLAIN, rules=rules, operation=operation, failure=failure)
    else:
        share = evolve(PLAIN, rules=rules, operation=operation, failure=failure)
        event(f"{share.status}, {'served' if share.served else 'not served'}")
        check_makes_sense(share)


@given(operation=share_operations(OTHER), failure=st.none() | failures())
def test_a_share_has_no_operation_of_another_share(
    operation: ShareOperation, failure: Failure | None
) -> None:
    """Recovery would work on the wrong share."""
    with pytest.raises(InvalidInput, match=f"is about share {OTHER}"):
        evolve(PLAIN, operation=operation, failure=failure)


@given(share=shares(), operation=OPERATIONS)
def test_a_share_that_an_operation_begins_on(share: CifsShare, operation: ShareOperation) -> None:
    """Its status is the operation's; a failed share stays failed, unless it is being made or removed."""
    begun = share.beginning(operation)
    check_only_its_state_differs(share, begun)
    assert operation == begun.operation
    assert (share.failure if operation.whole else None) == begun.failure
    assert begun.status is (operation.status if begun.failure is None else ShareStatus.FAILED)


@given(share=shares().filter(lambda share: share.operation is not None))
def test_an_operation_that_is_cancelled_is_the_same_operation(share: CifsShare) -> None:
    """The share is as it was: the caller at work on it ends it."""
    assert share.operation is not None
    advanced = share.advanced(share.operation.cancel())
    check_only_its_state_differs(share, advanced)
    assert advanced.operation == evolve(share.operation, cancelled=True)
    assert (share.failure, share.status) == (advanced.failure, advanced.status)


@given(share=shares(), failure=failures())
def test_a_share_that_is_stuck_keeps_its_operation(share: CifsShare, failure: Failure) -> None:
    """It is not served. A share that is being made or removed has nothing that a person could repair."""
    stuck = share.stuck(failure)
    check_only_its_state_differs(share, stuck)
    assert (share.operation, failure.reason, False) == (stuck.operation, stuck.reason, stuck.served)
    assert stuck.failure is not None
    assert stuck.failure.kind is (failure.kind if share.is_whole else FailureKind.UNAVAILABLE)


@given(share=shares(), failure=failures())
def test_a_share_whose_operation_has_ended(share: CifsShare, failure: Failure) -> None:
    """It is ready or has failed, whatever it was before."""
    ready, failed = share.ready(), share.failed(failure)
    for ended in (ready, failed):
        check_only_its_state_differs(share, ended)
        assert ended.operation is None
    assert (ShareStatus.READY, bool(share.rules)) == (ready.status, ready.served)
    assert (ShareStatus.FAILED, failure, False) == (failed.status, failed.failure, failed.served)


def test_every_kind_is_drawn() -> None:
    """Operations give every status that a share can have beside ready and failed."""
    given_by_operations = {kind.status for kind in SHARE_OPERATIONS}
    assert set(ShareStatus) == given_by_operations | {ShareStatus.READY, ShareStatus.FAILED}
