"""Undoing what a call made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def undone_by(
    undo: Callable[[], object], note: str = "and will be tried again by the next call"
) -> Iterator[None]:
    """Run ``undo`` if the body fails; raises the body's error, with a note if the undo fails too.

    ``note`` says what happens to what could not be undone.
    """
    try:
        yield
    except BaseException as error:
        try:
            undo()
        except Exception as failure:  # noqa: BLE001 - the first error is the one to raise
            error.add_note(f"undoing it failed too, {note}: {failure}")
        raise
