"""Faults for any ``Ports``: calls that fail before, after or half-way through their effect, and death.

::

    plan = FaultPlan()
    plan.on("storage.ensure_volume", Fault(Moment.AFTER))
    shares = bootstrap.host(intercept(ports, plan), network).shares

``verbs()`` are the names that ``on`` takes; the ports' docstrings say what each does. ``intercept`` is more
general: it wraps a function around every verb of every port, for traces and interleavings too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import cache
from typing import Any, get_type_hints

from attrs import define, evolve, field, frozen

from shares_core.domain.errors import BackendFailure, SharesError
from shares_core.ports import Locks, Ports, ServerProcesses


@frozen
class Call:
    """One call of a port's verb: ``port`` is the name of the field in ``Ports``."""

    port: str
    verb: str
    args: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.port}.{self.verb}"


#: The verbs of Locks that do not return a lock to hold.
_NO_LOCKS = ("await_share", "forget", "held")
#: Called with each call and a function that makes its effect; returns the verb's answer.
Interceptor = Callable[[Call, Callable[[], Any]], Any]


def intercept(ports: Ports, around: Interceptor) -> Ports:
    """The same ports with ``around`` wrapped around every verb.

    A lock's effect is that it is held; releasing it is not a call, and always happens. Does not see what
    ports call of each other: ``bootstrap.ports`` and ``memory_ports`` take an interceptor that does.
    """
    return Ports(
        **{
            name: _intercepted(name, kind)(getattr(ports, name), around)
            for name, kind in _kinds_of_ports().items()
        }
    )


def composed(
    processes: ServerProcesses, compose: Callable[[ServerProcesses], Ports], around: Interceptor
) -> Ports:
    """Ports with ``around`` wrapped around every verb, also those of ``processes`` that other ports call."""
    inner = _intercepted("processes", ServerProcesses)(processes, around)
    return evolve(intercept(compose(inner), around), processes=inner)


@cache
def verbs() -> tuple[str, ...]:
    """Every verb that can fail, as ``FaultPlan.on`` takes it: "storage.attach", "storage.detach" ..."""
    kinds = sorted(_kinds_of_ports().items())
    return tuple(
        f"{name}.{verb}" for name, kind in kinds if name not in FaultPlan.SPARED for verb in _verbs_of(kind)
    )


@cache
def _kinds_of_ports() -> Mapping[str, type]:
    """Each port's class, by the name of its field; evaluated once: tests make thousands of processes."""
    return get_type_hints(Ports)


def _verbs_of(kind: type) -> list[str]:
    return sorted(kind.__abstractmethods__)  # type: ignore[attr-defined]


class _Intercepted:
    """A port, and what is wrapped around its verbs."""

    def __init__(self, port: object, around: Interceptor) -> None:
        self._port = port
        self._around = around


@cache
def _intercepted(name: str, kind: type) -> Callable[[object, Interceptor], Any]:
    """The class of such ports, made once for each kind."""
    methods: dict[str, Any] = {}
    for verb in _verbs_of(kind):
        locks = kind is Locks and verb not in _NO_LOCKS
        methods[verb] = (_holding if locks else _calling)(name, verb)
    return type(f"Intercepted{kind.__name__}", (_Intercepted, kind), methods)


def _calling(name: str, verb: str) -> Callable[..., Any]:
    def call(self: _Intercepted, *args: Any, **kwargs: Any) -> Any:
        method = getattr(self._port, verb)
        return self._around(Call(name, verb, (*args, *kwargs.values())), lambda: method(*args, **kwargs))

    return call


def _holding(name: str, verb: str) -> Callable[..., AbstractContextManager[None]]:
    @contextmanager
    def hold(self: _Intercepted, *args: Any) -> Iterator[None]:
        lock: AbstractContextManager[None] = getattr(self._port, verb)(*args)
        entered = False

        def enter() -> None:
            nonlocal entered
            lock.__enter__()
            entered = True

        try:
            self._around(Call(name, verb, args), enter)
            yield
        finally:
            if entered:
                lock.__exit__(None, None, None)

    return hold


class ProcessDied(BaseException):
    """The process that used these ports is gone: their verbs no longer have an effect.

    Not an Exception, so that only the test catches it.
    """


class Moment(StrEnum):
    """When a fault strikes. ``AFTER`` means that the answer got lost: the effect has happened."""

    BEFORE = "before"
    HALFWAY = "half-way"
    AFTER = "after"


@frozen
class Fault:
    """What goes wrong with one call.

    ``dies`` kills the process, otherwise ``error`` is raised. ``step`` says at which of the verb's half-done
    states a half-way fault strikes; only the in-memory adapters have these, and if a verb has fewer, the
    fault strikes after the effect.
    """

    moment: Moment = Moment.BEFORE
    dies: bool = False
    error: SharesError = field(factory=lambda: BackendFailure("an injected fault"))
    step: int = 1


@define
class _Planned:
    verb: str
    fault: Fault
    skip: int
    times: int | None


class FaultPlan:
    """Which calls go wrong, and how: an interceptor.

    ``at`` maps the numbers of calls, counted from 0, to faults; ``on`` names a verb. ``calls`` holds the
    calls made. The ports in ``SPARED`` cannot fail by contract: their calls are not counted. ``died_at`` is
    the call at which the process died.
    """

    SPARED = frozenset({"clock", "ids", "events", "progress", "workers"})

    def __init__(self, at: Mapping[int, Fault] | None = None) -> None:
        self.calls: list[Call] = []
        self.died_at: Call | None = None
        self._at = dict(at or {})
        self._planned: list[_Planned] = []
        self._mutex = threading.Lock()

    @property
    def dead(self) -> bool:
        """Whether the process died."""
        return self.died_at is not None

    def on(self, verb: str, fault: Fault | None = None, *, skip: int = 0, times: int | None = 1) -> FaultPlan:
        """Make calls of ``verb`` ("storage.attach") fail: after ``skip`` good ones, ``times`` or for ever.

        Raises ValueError for a name that is not in ``verbs()`` or cannot fail: its fault would never strike.
        """
        self._check(verb)
        self._planned.append(_Planned(verb, fault or Fault(), skip, times))
        return self

    def _check(self, verb: str) -> None:
        port = verb.partition(".")[0]
        if port in self.SPARED:
            raise ValueError(f"{verb} cannot fail: nothing strikes at the port {port!r}")
        if verb not in verbs():
            its = ", ".join(known for known in verbs() if known.startswith(f"{port}."))
            ports = ", ".join(sorted({known.partition(".")[0] for known in verbs()}))
            raise ValueError(
                f"{verb!r} is not a verb of a port: " + (its or f"name one of {ports} with its verb")
            )

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        if self.died_at is not None:
            raise ProcessDied(f"{call} was called by a process that died at {self.died_at}")
        if call.port in self.SPARED:
            return proceed()
        fault = self._next(call)
        return proceed() if fault is None else self._strike(call, fault, proceed)

    def _next(self, call: Call) -> Fault | None:
        with self._mutex:
            number = len(self.calls)
            self.calls.append(call)
            if number in self._at:
                return self._at[number]
            for planned in self._planned:
                if planned.verb != str(call) or planned.times == 0:
                    continue
                if planned.skip:
                    planned.skip -= 1
                    continue
                if planned.times is not None:
                    planned.times -= 1
                return planned.fault
        return None

    def _strike(self, call: Call, fault: Fault, proceed: Callable[[], Any]) -> Any:
        if call.port == "locks" and call.verb not in _NO_LOCKS:
            return self._raise(call, fault)  # a lock is held or not: there is no answer to lose
        if fault.moment is Moment.HALFWAY:
            token = _armed.set(_Armed(fault.step, lambda: self._raise(call, fault)))
            try:
                proceed()
            finally:
                _armed.reset(token)
        elif fault.moment is Moment.AFTER:
            proceed()
        return self._raise(call, fault)

    def _raise(self, call: Call, fault: Fault) -> None:
        if fault.dies:
            self.died_at = call
            raise ProcessDied(f"died {fault.moment} {call}")
        raise fault.error


@define
class _Armed:
    steps: int
    strike: Callable[[], None]


_armed: ContextVar[_Armed | None] = ContextVar("halfway", default=None)


def halfway() -> None:
    """Called by in-memory adapters in each half-done state that their port's docstring allows."""
    armed = _armed.get()
    if armed is not None:
        armed.steps -= 1
        if armed.steps == 0:
            armed.strike()
