"""A record's bytes: the first line holds the server's claim, so that reading a claim does not read the rest.

::

    {"schema": 4, "claim": {...}, "rest": 4096, "claim_checksum": "sha256:...",
    "checksum": "sha256:...", "server": {...}}

The whole is one JSON object, so that releases before schema 2 understand enough of it to refuse it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from shares_core.adapters.state.migrations import SCHEMA

Document = dict[str, Any]
#: Long enough for the first line of most records.
FIRST_READ = 4096
#: The first schema whose records begin with a claim.
_FIRST_WITH_CLAIM = 2
_KEYS = {"schema", "claim", "rest", "claim_checksum", "checksum", "server"}


class Unreadable(Exception):
    """The bytes are not a record; says why."""


class RecordFile(NamedTuple):
    """The contents of a record. Records of schema 1 have no ``claim``."""

    schema: int
    claim: Document | None
    server: Document


def encode(claim: Document, server: Document) -> bytes:
    """A record of today's schema, with one checksum over the whole and one over the claim."""
    body = _canonical(server)
    rest = f'"checksum": {json.dumps(_checksum(SCHEMA, body))}, "server": {body}}}\n'
    head = {"schema": SCHEMA, "claim": claim, "rest": len(rest)}
    checksum = _checksum(SCHEMA, _canonical(head))
    return f"{json.dumps(head | {'claim_checksum': checksum})[:-1]},\n{rest}".encode("ascii")


def claim_of(start: bytes, size: int) -> Document | None:
    """The claim of a record of ``size`` bytes that begins with ``start``, at least its first line.

    None if the line holds none: the record is of schema 1, or damaged.
    """
    line, newline, _ = start.partition(b"\n")
    try:
        head = json.loads(line.removesuffix(b",") + b"}")
    except ValueError:
        return None
    schema = head.get("schema") if isinstance(head, dict) else None
    if not isinstance(schema, int) or not _FIRST_WITH_CLAIM <= schema <= SCHEMA:
        return None
    checksum = head.pop("claim_checksum", None)
    if checksum != _checksum(schema, _canonical(head)) or head["rest"] != size - len(line) - len(newline):
        return None
    claim: Document = head["claim"]
    return claim


def decode(content: bytes) -> RecordFile:
    """Read the bytes. Raises Unreadable."""
    try:
        whole = json.loads(content)
    except ValueError as error:
        raise Unreadable("it is truncated or not JSON") from error
    schema = whole.get("schema") if isinstance(whole, dict) else None
    if not isinstance(schema, int) or schema < 1 or not isinstance(whole.get("server"), dict):
        raise Unreadable("it is not a record")
    if schema > SCHEMA:
        raise Unreadable(f"its version {schema} is newer than {SCHEMA}, the newest known here")
    if whole.get("checksum") != _checksum(schema, _canonical(whole["server"])):
        raise Unreadable("its checksum does not match its content")
    if schema < _FIRST_WITH_CLAIM:
        return RecordFile(schema, None, whole["server"])
    claim = claim_of(content, len(content))
    if claim is None or whole.keys() != _KEYS:
        raise Unreadable("its first line does not match its content")
    return RecordFile(schema, claim, whole["server"])


def _canonical(document: Document) -> str:
    return json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def _checksum(schema: int, body: str) -> str:
    return "sha256:" + hashlib.sha256(f"{schema}\n{body}".encode()).hexdigest()
