"""What ``doctor`` finds on a host."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from shares_core.domain.remedy import Remedy


class Verdict(StrEnum):
    """How a check ended. Only ``missing`` keeps share servers from working."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"


@frozen
class Finding:
    """One check's answer. ``remedy`` is what mends it, empty if nothing needs mending."""

    subject: str
    verdict: Verdict
    detail: str
    remedy: Remedy = Remedy()

    @property
    def mend(self) -> str:
        """What mends it, in the library's words."""
        return str(self.remedy)
