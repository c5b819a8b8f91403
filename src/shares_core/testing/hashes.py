"""The password hashes of an in-memory Samba."""

from __future__ import annotations

import hashlib


def digest(password: str) -> str:
    """A stand-in for an NT hash: the same form, but a real Samba would not accept it."""
    return hashlib.sha256(password.encode()).hexdigest()[:32].upper()
