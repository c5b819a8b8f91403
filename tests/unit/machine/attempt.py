"""How a use case ended."""

from __future__ import annotations

from attrs import frozen

from shares_core.domain.errors import SharesError
from shares_core.testing import ProcessDied


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
