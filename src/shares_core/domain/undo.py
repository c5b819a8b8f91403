"""Undoing what a call made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def undone_by(
    undo: Callable[[], object], note: str = "and will be tried again by the next call"
) -> Iterator[None]:
    """Run ``undo`` when the body fails; the body's error is raised, a failed undo is a note on it.

    ``note`` says what becomes of what could not be undone.
    """
    try:
        yield
    except BaseException as error:
        try:
            undo()
        except Exception as failure:  # noqa: BLE001 - the first error is the one to raise
            error.add_note(f"undoing it failed too, {note}: {failure}")
        raise
