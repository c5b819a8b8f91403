"""Check the types of values, because not every caller runs a type checker."""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Any, get_args

from shares_core.domain.errors import InvalidInput
from shares_core.domain.remedy import Hint


def require(value: object, kind: type | UnionType, what: str, *, hint: Hint) -> None:
    """Raises InvalidInput, which names kinds and never the value: that may be a password."""
    if not isinstance(value, kind):
        wanted = " or ".join(_word(one) for one in get_args(kind) or (kind,))
        raise InvalidInput(f"{what} must be {wanted}, not {_word(type(value))}", hint=hint)


def must_be(kind: type | UnionType, what: str, *, hint: Hint) -> Callable[[object, object, Any], None]:
    """``require`` as a validator of an attrs class."""
    return lambda _, __, value: require(value, kind, what, hint=hint)


def _word(kind: type) -> str:
    return {"str": "text", "NoneType": "None"}.get(kind.__name__, kind.__name__)
