"""Sizes: whole bytes inside, binary units outside."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, Self

from attrs import field, frozen

from shares_core.domain.errors import InvalidInput

KIB, MIB, GIB, TIB, PIB = (1024**power for power in range(1, 6))

_UNITS = {"": 1, "B": 1, "KIB": KIB, "MIB": MIB, "GIB": GIB, "TIB": TIB, "PIB": PIB}
_SHORT = {"K": KIB, "M": MIB, "G": GIB, "T": TIB, "P": PIB}
_TEXT = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", re.ASCII)
_LARGEST = 8 * 1024 * PIB  # what a signed 64-bit file offset can address
_HINT = "give a size like 500MiB, 1.5GiB or 2TiB"


def _whole_positive(_: object, __: object, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput(f"a capacity is a whole number of bytes, not {value!r}", hint=_HINT)
    if value <= 0:
        raise InvalidInput(f"a capacity must be greater than zero, not {value} bytes", hint=_HINT)
    if value >= _LARGEST:
        raise InvalidInput(f"a capacity of {value} bytes is more than any file system holds", hint=_HINT)


@frozen(order=True)
class Capacity:
    """A size of at least one byte. ``bytes`` is exact; ``str()`` prints it in binary units."""

    bytes: int = field(validator=_whole_positive)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``1GiB``, ``1.5 GiB``, ``512M`` or a bare number of bytes.

        Decimal units (GB) are refused, since half of those who write them mean binary ones.
        Raises InvalidInput, also when the size is not a whole number of bytes.
        """
        match = _TEXT.fullmatch(text.strip()) if len(text) <= 40 else None
        if match is None:
            raise InvalidInput(f"{text[:40]!a} is not a size", hint=_HINT)
        number, unit = match.groups()
        factor = _UNITS.get(unit.upper()) or _SHORT.get(unit.upper())
        if factor is None:
            raise InvalidInput(f"{unit!r} is not a unit of size that is known here", hint=_HINT)
        exact = Fraction(number) * factor
        if exact.denominator != 1:
            raise InvalidInput(f"{text!a} is not a whole number of bytes", hint=_HINT)
        return cls(exact.numerator)

    def __str__(self) -> str:
        return format_bytes(self.bytes)


def format_bytes(count: int) -> str:
    """A number of bytes for people: exact where a unit divides it, else rounded to two decimals."""
    for unit, factor in (("PiB", PIB), ("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if count >= factor:
            return f"{count / factor:.2f}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{count} B"


def round_up(count: int, unit: int) -> int:
    """The smallest multiple of ``unit`` that holds ``count``."""
    return -(-count // unit) * unit
