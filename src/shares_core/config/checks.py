"""Checks of settings, whether they come from Python or from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.checks import require
from shares_core.domain.errors import InvalidInput

FOLDER_HINT = "give a path like /srv/shares"


def as_path(value: str | Path) -> Path:
    require(value, str | Path, "the path of a folder", hint=FOLDER_HINT)
    return Path(value)


def absolute(_: object, attribute: Any, value: Any) -> None:
    name = attribute.name
    if not value.is_absolute() or ".." in value.parts:
        raise InvalidInput(
            f"{name} must be an absolute path without '..', not {str(value)!r}", hint=FOLDER_HINT
        )
    # Paths end up in mount options and in the mount table, which quote nothing reliably.
    if any(char in str(value) for char in " \n\t\\,:\"'"):
        raise InvalidInput(
            f"{name} {str(value)!r} cannot hold quotes, commas, colons or white space", hint=FOLDER_HINT
        )


def at_least(smallest: int) -> Any:
    def check(_: object, attribute: Any, value: object) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
            raise InvalidInput(
                f"{attribute.name} must be a whole number of at least {smallest}, not {value!r}",
                hint=f"give {smallest} or more",
            )

    return check


def between(smallest: int, largest: int) -> Any:
    def check(_: object, attribute: Any, value: object) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= largest:
            raise InvalidInput(
                f"{attribute.name} must be a whole number from {smallest} to {largest}, not {value!r}",
                hint=f"give {smallest} to {largest}",
            )

    return check


def enough_room(_: object, __: object, value: Any) -> None:
    require(value, Capacity, "size", hint="Capacity.parse('16MiB') reads a size")
    if value.bytes < MIB:
        raise InvalidInput(f"a day's trail needs at least 1 MiB, not {value}", hint="give 1MiB or more")


def one_word(example: str) -> Any:
    def check(_: object, attribute: Any, value: Any) -> None:
        hint = f"give one like {example}, or leave it out"
        require(value, str, attribute.name, hint=hint)
        if len(value.split()) != 1:
            raise InvalidInput(f"{attribute.name} cannot be empty or hold white space: {value!r}", hint=hint)

    return check


def enough_memory(_: object, __: object, value: Any) -> None:
    require(value, Capacity, "memory", hint="Capacity.parse('1GiB') reads a size")
    if value.bytes < 64 * MIB:
        raise InvalidInput(
            f"a server needs at least 64 MiB of memory, not {value}", hint="give 64MiB or more"
        )
