"""How a use case ended."""

from __future__ import annotations

from attrs import frozen

from shares_core.domain.errors import BackendFailure, SharesError
from shares_core.testing import ProcessDied


def error_of(
    answer: object, error: SharesError | ProcessDied | None, struck: bool
) -> SharesError | ProcessDied | None:
    """The error of a call. A use case about many shares tells the problem of each instead of raising it."""
    told = answer if isinstance(answer, tuple) else ()
    if error is None and struck and any(getattr(each, "problem", "") for each in told):
        return BackendFailure("a share's")
    return error


@frozen
class Attempt:
    """How one use case ended. ``struck`` are the port calls with faults."""

    answer: object
    error: SharesError | ProcessDied | None
    struck: list[str]

    @property
    def acknowledged(self) -> bool:
        return self.error is None

    @property
    def died(self) -> bool:
        return isinstance(self.error, ProcessDied)

    @property
    def failed_once(self) -> bool:
        """Whether it failed because of a single fault, so that it could clean up."""
        return isinstance(self.error, SharesError) and len(self.struck) == 1
