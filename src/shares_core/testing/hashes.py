"""The hashes of passwords that an in-memory Samba takes."""

from __future__ import annotations

import hashlib


def digest(password: str) -> str:
    """What stands in for an NT hash: the same shape, and nothing that a real Samba would take."""
    return hashlib.sha256(password.encode()).hexdigest()[:32].upper()
