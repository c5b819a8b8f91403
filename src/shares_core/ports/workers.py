"""Doing several things in parallel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Workers(ABC):
    """Who does the work. This port cannot fail itself."""

    @abstractmethod
    def each(self, work: Callable[[T], R], items: Iterable[T]) -> tuple[R, ...]:
        """Do the work for each item, in parallel if the host allows it. Returns the answers in order.

        Finishes all of them even if one raises; then raises the first error, in the items' order.
        """
