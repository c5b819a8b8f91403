"""Doing several things side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Workers(ABC):
    """Whoever does the work. It cannot fail by itself."""

    @abstractmethod
    def each(self, work: Callable[[T], R], items: Iterable[T]) -> tuple[R, ...]:
        """Do the work for each item, side by side if the host allows it. Gives the answers in order.

        All are begun and ended, also if one raises; the first error, in the items' order, is raised then.
        """
