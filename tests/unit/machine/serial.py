"""The possible outcomes of simultaneous callers: those of some serial order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen
from tests.unit.machine.meaning import meant
from tests.unit.machine.model import Model
from tests.unit.machine.operations import Operation

from shares_core.domain.errors import Busy, Cancelled, Conflict, ShareFailed


@frozen
class Ended:
    """How one caller's use case ended.

    ``error`` is None if it was acknowledged; ``struck`` tells whether a port call had a fault.
    """

    operation: Operation
    answer: Any = None
    error: BaseException | None = None
    struck: bool = False

    def possible_after(
        self, model: Model, transient: Sequence[Operation], others: Sequence[Operation]
    ) -> Iterator[Model]:
        """The models that it may leave if it found ``model``; none if it cannot have ended like this.

        It may have met what another use case later undid; and a use case that brings servers up leaves a
        share failed that it could not mount, although it succeeds. While another one is at work on the same
        share, this one is Busy and changes nothing; neither does a cancelled one.
        """
        found = meant(self.operation, model, self.answer)
        if self.error is None:
            if found.refused is None:
                yield found.end
        elif self.struck:
            yield from found.stages
        elif type(self.error) is Busy:
            if any(other.keeps_busy(self.operation) for other in others):
                yield model
        elif type(self.error) is Cancelled:
            if any(other.cancels and other.server == self.operation.server for other in others):
                yield model
        else:
            met = [model, *(meant(other, model).end for other in transient)]
            refusals = {meant(self.operation, each).refused for each in met}
            refusals |= {Conflict, ShareFailed} if len(transient) > 1 else set()
            refusals |= {ShareFailed} if any(other.brings for other in transient) else set()
            refusals |= {Conflict} if self.operation.cancels else set()  # it came too late
            if type(self.error) in refusals:
                yield model


def outcomes(model: Model, ended: Sequence[Ended]) -> list[Model]:
    """The models after every serial order that explains how all use cases ended."""
    transient = [
        each.operation
        for each in ended
        if (each.struck and (each.error or each.operation.brings)) or type(each.error) is Cancelled
    ]
    found: list[Model] = []
    _explore(model, list(ended), transient, [each.operation for each in ended], found)
    return found


def _explore(
    model: Model,
    left: list[Ended],
    transient: list[Operation],
    all_of_them: list[Operation],
    found: list[Model],
) -> None:
    if not left and model not in found:
        found.append(model)
    for number, each in enumerate(left):
        others = [other for other in all_of_them if other is not each.operation]
        for after in each.possible_after(model, transient, others):
            _explore(after, left[:number] + left[number + 1 :], transient, all_of_them, found)


def reachable(model: Model, operations: Sequence[Operation]) -> list[tuple[frozenset[int], Model]]:
    """Every model in any serial order, with the numbers of the operations done by then."""
    found: list[tuple[frozenset[int], Model]] = []

    def explore(model: Model, done: frozenset[int]) -> None:
        if (done, model) in found:
            return
        found.append((done, model))
        for number, operation in enumerate(operations):
            if number in done:
                continue
            stages = meant(operation, model).stages
            found.extend((done, stage) for stage in stages[1:])
            for stage in stages:
                explore(stage, done | {number})

    explore(model, frozenset())
    return found
