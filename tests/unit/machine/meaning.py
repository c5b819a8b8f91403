"""What an operation means to one model."""

from __future__ import annotations

from attrs import frozen
from tests.unit.machine.model import RANK, Model, Refused, Stage
from tests.unit.machine.operations import Operation
from tests.unit.machine.reach import Grant

from shares_core.domain.errors import SharesError


@frozen
class Meant:
    """What an operation means to one model: its stages, or the error that it must raise.

    ``stages`` begins with the model as it was. ``rolls_back`` means that none of its steps lasts.
    """

    stages: tuple[Model, ...]
    kinds: tuple[Stage, ...] = ()
    refused: type[SharesError] | None = None
    rolls_back: bool = False

    @property
    def end(self) -> Model:
        return self.stages[-1]

    @property
    def sticking(self) -> tuple[Model, ...]:
        """The stages in which a single failure may leave it, without those that roll back."""
        return (
            self.stages[0],
            *(s for s, kind in zip(self.stages[1:], self.kinds, strict=True) if kind is Stage.STICKS),
        )


def meant(operation: Operation, model: Model, answer: object = None) -> Meant:
    """Play the operation on the model."""
    working, stages, kinds = model.copy(), [model], []
    passed = set()
    try:
        for kind in operation.meaning(working, answer):
            passed.add(kind)
            if working != stages[-1]:
                stages.append(working.copy())
                kinds.append(kind)
    except Refused as refused:
        return Meant((model,), refused=refused.kind)
    return Meant(tuple(stages), tuple(kinds), rolls_back=passed == {Stage.UNDONE})


def narrowed(stages: list[Model]) -> dict[Grant, int]:
    """The lowest level of each grant on a remaining share that the stages restrict."""
    ranks = [{grant: RANK[level] for grant, level in stage.rules().items()} for stage in stages]
    lowest = {grant: min(stage.get(grant, 0) for stage in ranks) for grant in ranks[0]}
    return {
        grant: rank
        for grant, rank in lowest.items()
        if rank < ranks[0][grant] and stages[-1].has_share(grant[0], grant[1])
    }
