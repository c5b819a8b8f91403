"""How every operation is run and recovered."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypedDict

from shares_core.app.lifecycle.publish import publish
from shares_core.app.lifecycle.shares import failure_of
from shares_core.app.operations.work import ServerWork, ShareWork
from shares_core.domain.errors import SharesError
from shares_core.domain.operation import Operation
from shares_core.domain.share import Failure
from shares_core.ports import Ports
from shares_core.ports.events import Event, EventKind

Work = ServerWork | ShareWork


class Begun(TypedDict):
    """What the journal has of every operation."""

    id: str
    since: int


def begun(ports: Ports) -> Begun:
    """A new operation's id, and the present time."""
    return Begun(id=ports.ids.new_id(), since=ports.clock.now())


def perform(work: Work) -> Any:
    """Run the journaled operation. Returns what the operation returns.

    After an error, recovers it at once, unless it only goes forward. Raises the first error; if recovery
    fails too, that is a note on it, and the next caller recovers the operation.
    """
    operation = work.operation
    if operation is None:
        raise AssertionError("nothing was journaled")
    try:
        answer = _run(operation, work)
    except BaseException as error:
        if operation.forward_only:
            raise
        try:
            recover(work)
        except Exception as failure:  # noqa: BLE001 - the first error is the one to raise
            error.add_note(f"undoing it failed too, and will be tried again by the next call: {failure}")
            raise error from None
        answer = operation.salvaged(work) if isinstance(error, SharesError) else None
        if answer is None:
            raise
    if work.operation is not None and work.operation.id == operation.id:
        raise AssertionError(f"{operation.kind} ended without clearing its slot")
    return answer


def _run(operation: Operation, work: Work) -> Any:
    try:
        return operation.run(work)
    finally:
        work.ports.progress.clear(operation.id)


def recover(work: Work) -> None:
    """Bring an interrupted operation to its end or back to its beginning. Idempotent.

    Raises SharesError if that fails: the operation then stays open, and its share has failed and is not
    served. A share that cannot be unmounted must not prevent a deny on another.
    """
    operation = work.operation
    if operation is None:
        return
    share = work.share if isinstance(work, ShareWork) else None
    work.ports.events.emit(Event.of_share(EventKind.RECOVERING, work.server, share, operation.kind))
    if isinstance(work, ShareWork):
        work.recovering = True
    try:
        operation.recover(work)
    except SharesError as error:
        work.ports.events.emit(Event.of_share(EventKind.RECOVERY_FAILED, work.server, share, str(error)))
        if isinstance(work, ShareWork) and not work.spares_share:
            # If recording fails too, the operation stays interrupted.
            with suppress(SharesError):
                _leave_unserved(work, failure_of(error))
        raise
    finally:
        work.ports.progress.clear(operation.id)


def _leave_unserved(work: ShareWork, failure: Failure) -> None:
    work.fail(failure)
    with work.locked() as held:
        publish(work.ports, held.server)
