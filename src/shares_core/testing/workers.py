"""Work done one item after the other, so that a run can be repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shares_core.domain.errors import SharesError
from shares_core.ports.workers import R, T, Workers


class SerialWorkers(Workers):
    """Whoever asks does the work."""

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> tuple[R, ...]:
        answers: list[R] = []
        failures: list[SharesError] = []
        for item in items:
            try:
                answers.append(work(item))
            except SharesError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return tuple(answers)
