"""The steps of a demo, each reported with its time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from attrs import define, field, frozen

from shares_core.entrypoints.cli.invocation import Invocation
from shares_core.entrypoints.cli.output import flush, moving_line, on_terminal


@frozen
class StepDone:
    """One step: ``key`` is stable for programs, ``text`` says what happened."""

    key: str
    text: str
    seconds: float


@define
class Step:
    """A step under way; ``text`` becomes what happened."""

    text: str


@define
class Steps:
    """Times the steps and reports each as it ends; with --json only keeps them."""

    invocation: Invocation
    done: list[StepDone] = field(factory=list)

    @contextmanager
    def step(self, key: str, doing: str) -> Iterator[Step]:
        """Time the body. Shows ``doing`` meanwhile, and if the step fails."""
        began = time.monotonic()
        step = Step(doing)
        try:
            with self._meanwhile(doing):
                yield step
        except BaseException:
            self._tell(time.monotonic() - began, f"failed: {doing}")
            raise
        took = time.monotonic() - began
        self.done.append(StepDone(key, step.text, took))
        self._tell(took, step.text)

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.done)

    def _meanwhile(self, doing: str) -> AbstractContextManager[object]:
        if self.invocation.out.json or self.invocation.verbose or not on_terminal():
            return nullcontext()
        return moving_line(f"{doing} ...")

    def _tell(self, seconds: float, text: str) -> None:
        if not self.invocation.out.json:
            self.invocation.out.lines(f"{seconds:6.2f} s  {text}")
            flush()
