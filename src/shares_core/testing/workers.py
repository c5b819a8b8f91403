"""Work done one item after the other, so that runs are repeatable."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shares_core.domain.errors import SharesError
from shares_core.ports.workers import R, T, Workers


class SerialWorkers(Workers):
    """The caller does the work."""

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
