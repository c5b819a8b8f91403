"""What ``doctor`` finds on a host."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


class Verdict(StrEnum):
    """How a check ended. Only ``missing`` keeps share servers from working."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"


@frozen
class Finding:
    """One check's answer. ``mend`` is the command that mends it, empty where nothing is to be mended."""

    subject: str
    verdict: Verdict
    detail: str
    mend: str = ""
