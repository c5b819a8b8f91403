"""Sizes: whole bytes inside, binary units outside."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any, Self

from attrs import field, frozen

from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput

KIB, MIB, GIB, TIB, PIB = (1024**power for power in range(1, 6))

_LARGE_UNITS = {"PiB": PIB, "TiB": TIB, "GiB": GIB, "MiB": MIB, "KiB": KIB}
_UNITS = {"": 1, "B": 1} | {unit.upper(): factor for unit, factor in _LARGE_UNITS.items()}
_SHORT = {unit[0]: factor for unit, factor in _LARGE_UNITS.items()}
_TEXT = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", re.ASCII)
_LARGEST = 8 * 1024 * PIB  # what a signed 64-bit file offset can address
_HINT = "give a size like 500MiB, 1.5GiB or 2TiB"
_BYTES = "give bytes, or read a size like 1.5GiB with Capacity.parse"
_UNIT_HINT = (
    "the units are KiB, MiB, GiB, TiB and PiB; GB and its like are refused, "
    "since they are ambiguous: some mean powers of 1000, others of 1024"
)


def _whole_positive(_: object, __: object, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput(f"a capacity is a whole number of bytes, not {type(value).__name__}", hint=_BYTES)
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

        Decimal units (GB) are refused, because half of those who write them mean binary units. Raises
        InvalidInput, also if the size is not a whole number of bytes.
        """
        require(text, str, "a size", hint=_HINT)
        match = _TEXT.fullmatch(text.strip()) if len(text) <= 40 else None
        if match is None:
            raise InvalidInput(f"{text[:40]!a} is not a size", hint=_HINT)
        number, unit = match.groups()
        factor = _UNITS.get(unit.upper()) or _SHORT.get(unit.upper())
        if factor is None:
            raise InvalidInput(f"{unit!r} is not a unit of size that is known here", hint=_UNIT_HINT)
        exact = Fraction(number) * factor
        if 0 < exact < _LARGEST and exact.denominator != 1:
            way = "use a smaller unit" if factor > 1 else "give whole bytes"
            raise InvalidInput(
                f"{number}{unit} is not a whole number of bytes",
                hint=f"{way}, like {_in_smaller_unit(exact, factor)}",
            )
        return cls(math.floor(exact))

    def __str__(self) -> str:
        return format_bytes(self.bytes)


def _in_smaller_unit(size: Fraction, than: int) -> str:
    """The size rounded up to a multiple of a unit that is small enough to add little."""
    for unit, factor in _LARGE_UNITS.items():
        if factor < than and size >= 100 * factor:
            return f"{math.ceil(size / factor)}{unit}"
    return f"{math.ceil(size)}B"


def format_bytes(count: int) -> str:
    """A number of bytes for people: exact if a unit divides it, otherwise rounded to two decimals."""
    for unit, factor in _LARGE_UNITS.items():
        if count >= factor:
            return f"{count / factor:.2f}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{count} B"


def round_up(count: int, unit: int) -> int:
    """The smallest multiple of ``unit`` that holds ``count``."""
    return -(-count // unit) * unit
