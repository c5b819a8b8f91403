"""Watches use cases at work: after each of their port calls the laws of every instant have to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from tests.unit.machine import laws
from tests.unit.machine.model import UNTOLD, Model
from tests.unit.machine.reach import Ceiling, Grant, Reach
from tests.unit.machine.troubles import CALM, Trouble
from tests.unit.world import RW

from shares_core.testing import Call, FaultPlan, MemoryHost, Session, SmbRefused

#: Calls of these ports change nothing that a client or another server could notice.
UNSEEN = frozenset({"clock", "ids", "events", "locks"})


class Watch:
    """An interceptor around one machine's ports. It applies the current faults, then looks.

    It keeps what it finds until ``disarm``, because a use case may swallow an error.
    """

    def __init__(self, machine: MemoryHost) -> None:
        self.machine = machine
        self.plan = FaultPlan()
        self.ceilings: Sequence[Ceiling] = ()
        #: The password of each connection.
        self.logins: dict[Session, str] = {}
        #: The grants that should be restricted and were seen restricted.
        self.closed: set[Grant] = set()
        #: The level to which the use case restricts each grant.
        self.closing: dict[Grant, int] = {}
        self._trouble = CALM
        self._visitors: tuple[str, Sequence[Model]] = "", ()
        self._broken: AssertionError | None = None

    def arm(
        self,
        trouble: Trouble,
        ceilings: Sequence[Ceiling],
        closing: dict[Grant, int] | None = None,
        visitors: tuple[str, Sequence[Model]] = ("", ()),
    ) -> None:
        """Expect one use case. Clients visit server ``visitors`` ("" is any) with these models' passwords."""
        self.plan, self._trouble, self.ceilings, self._visitors = trouble.plan(), trouble, ceilings, visitors
        self.closed, self.closing = set(), closing or {}

    def disarm(self) -> None:
        """The use case has ended. Raises what was found."""
        if self._broken is not None:
            raise self._broken

    def __call__(self, call: Call, proceed: Callable[[], Any]) -> Any:
        if self._trouble.visit == len(self.plan.calls):
            self._let_in(*self._visitors)
        try:
            return self.plan(call, proceed)
        finally:
            if call.port not in UNSEEN:
                self.look(call)

    def look(self, call: Call | str) -> None:
        """Check the laws of every instant."""
        try:
            laws.no_rule_is_ever_wider_than_asked(self.machine, self.ceilings)
            laws.nothing_is_orphaned(self.machine)
            laws.nothing_is_given_twice(self.machine)
            laws.the_pool_is_never_overcommitted(self.machine)
        except AssertionError as broken:
            broken.add_note(f"found after {call}")
            self._broken = self._broken or broken
            raise
        if self.closing:
            reach = Reach.of(self.machine).rules
            self.closed |= {grant for grant, rank in self.closing.items() if reach.get(grant, 0) <= rank}

    def connect(self, server: str, user: str, password: str) -> Session:
        """Log in. Raises SmbRefused."""
        session = self.machine.connect(self.machine.server_id(server), user, password)
        self.logins[session] = password
        return session

    def _let_in(self, visited: str, models: Iterable[Model]) -> None:
        """Connect all admitted users, who open whatever they may."""
        known = {
            (name, user, password)
            for model in models
            for name, server in model.servers.items()
            for user, password in server.passwords.items()
            if password != UNTOLD and visited in ("", name)
        }
        for name, user, password in sorted(known):
            with suppress(SmbRefused, KeyError):
                session = self.connect(name, user, password)
                for share in {str(served.name) for served in session.taken}:
                    level = session.level(share)
                    if level is not None:
                        session.open(share, write=level is RW)
