"""Drives use cases on a machine in memory, together with the model, and checks the laws.

While a crash has left something open, the model is uncertain: ``possible`` are all models that the contracts
allow. A record without an open operation makes it certain again.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from attrs import evolve
from tests.unit.machine import laws
from tests.unit.machine.attempt import Attempt, error_of
from tests.unit.machine.meaning import Meant, meant, narrowed
from tests.unit.machine.model import RANK, Model
from tests.unit.machine.operations import Operation, reconcile, start
from tests.unit.machine.picture import Picture
from tests.unit.machine.reach import Ceiling, Reach
from tests.unit.machine.troubles import CALM, Trouble
from tests.unit.machine.watch import Watch
from tests.unit.world import NETWORK

from shares_core.bootstrap import Host, host
from shares_core.domain.errors import Conflict, ShareFailed, SharesError
from shares_core.domain.pools import SnapshotWay
from shares_core.testing import MemoryHost, OpenFile, ProcessDied, memory_ports

#: The errors of a share that waits to be repaired or deleted.
_LIMBO = frozenset({Conflict, ShareFailed})
#: If these fail, an empty lock file may remain after its server is gone.
_LOCK_LOSERS = frozenset({"locks.forget", "records.remove"})


class Driver:
    """One machine, its present process, and what its tenants were promised."""

    def __init__(self, machine: MemoryHost) -> None:
        self.machine = machine
        self.watch = Watch(machine)
        self.process = self._start_process()
        self.possible = [Model(machine.pool_size.bytes, machine.snapshot_way.copies)]
        #: Servers that do not run although their records want it, after a reboot or a failed start.
        self.disturbed: set[str] = set()
        #: What connected users may still have until an interrupted restriction is carried on.
        self._lingering: list[Model] = []
        #: Lock files of servers that were never recorded, because their process died.
        self._lost_locks: set[str] = set()

    def _start_process(self) -> Host:
        return host(memory_ports(self.machine, faults=self.watch), NETWORK)

    @property
    def certain(self) -> Model | None:
        return self.possible[0] if len(self.possible) == 1 else None

    def _names(self) -> list[str]:
        return [str(record.name) for record in laws.records_of(self.machine)]

    def serves(self, name: str) -> bool:
        """Whether the server certainly serves what its record says."""
        record = next((r for r in laws.records_of(self.machine) if str(r.name) == name), None)
        return (
            record is not None
            and laws.is_settled(record)
            and name not in self.disturbed
            and self.certain is not None
        )

    # -- one use case

    def run(self, operation: Operation, trouble: Trouble = CALM, *, again: bool = False) -> None:
        """Run it, and check every law."""
        if operation.cancels:  # an interrupted deletion may be taken back
            self.possible = _distinct([*self.possible, *self._lingering])
        predicted = [meant(operation, model) for model in self.possible]
        blurred = not all(map(laws.is_well, laws.records_of(self.machine)))
        before, others = Picture.of(self.machine), self._pictures_of_others(operation)
        opened = [] if blurred else self._opened_beyond(operation)
        undisturbed = not self.disturbed

        ended = self._attempt(operation, trouble, predicted, blurred=blurred)
        self._conclude(operation, ended, predicted, blurred=blurred)
        self._note_what_is_left(operation, ended)
        self._take_stock()

        if ended.failed_once and undisturbed and not blurred and predicted[0].rolls_back:
            laws.failed_left_nothing_behind(before, Picture.of(self.machine), ended.struck)
        laws.other_servers_are_untouched(others, self._pictures_of_others(operation))
        laws.nobody_else_is_disturbed(opened)
        if again and trouble.visit is None and ended.acknowledged and not ended.struck and operation.repeats:
            once = Picture.of(self.machine)
            self.run(operation)
            laws.twice_equals_once(once, Picture.of(self.machine))

    def _attempt(
        self, operation: Operation, trouble: Trouble, predicted: list[Meant], *, blurred: bool
    ) -> Attempt:
        stages = [model for each in predicted for model in each.stages]
        ceilings, closing = [Ceiling.over([*stages, *self._lingering])], {}
        if not blurred and len(predicted) == 1:
            # Between two stages nobody may have more than either of them grants.
            ceilings = [Ceiling.over(way) for way in pairwise(stages)] or ceilings
            if self.serves(operation.server):
                reach = Reach.of(self.machine).rules
                closing = {g: rank for g, rank in narrowed(stages).items() if reach.get(g, 0) > rank}
        trouble = trouble.aimed_at(operation)
        self.watch.arm(trouble, ceilings, closing, (operation.server, stages))
        answer, error = None, None
        try:
            answer = operation.work(self.process)
        except (SharesError, ProcessDied) as raised:
            error = raised
        self.watch.disarm()
        struck = trouble.struck(self.watch.plan)
        return Attempt(answer, error_of(answer, error, bool(struck)), struck)

    def _conclude(
        self, operation: Operation, ended: Attempt, predicted: list[Meant], *, blurred: bool
    ) -> None:
        """Find the models that are possible now, and check that it could end like this."""
        if ended.acknowledged:
            now = [meant(operation, model, ended.answer) for model in self.possible]
            expected = {each.refused for each in now}
            assert None in expected, f"{operation} was acknowledged, and had to raise {expected}"
            self.possible = [each.end for each in now if each.refused is None or blurred]
        elif ended.struck:
            # After a single fault, what rolls back has done so, and what was closed stays closed.
            sure = ended.failed_once and not blurred
            self._lingering += [model for each in predicted for model in each.stages]
            outcomes = [model for each in predicted for model in (each.sticking if sure else each.stages)]
            self.possible = [model for model in outcomes if not self._reopens(model)]
        else:
            allowed = {each.refused for each in predicted} | (_LIMBO if blurred else set())
            assert type(ended.error) in allowed, f"{ended.error!r}, where {allowed} was to come"

    def _reopens(self, model: Model) -> bool:
        rules, narrowed = model.rules(), self.watch.closing
        return any(RANK[rules.get(grant)] > narrowed[grant] for grant in self.watch.closed)

    def _note_what_is_left(self, operation: Operation, ended: Attempt) -> None:
        if ended.died:
            self.process = self._start_process()
        if ended.died or not _LOCK_LOSERS.isdisjoint(ended.struck):
            self._lost_locks |= laws.stray_locks(self.machine)
        concerned = {operation.server} if operation.server else set(self._names())
        if ended.struck and (operation.brings or operation.upgrades or operation.replaces):
            self.disturbed |= concerned
        elif ended.acknowledged and operation.brings:
            self.disturbed -= concerned

    # -- taking stock

    def _take_stock(self) -> None:
        """Check that everything settled is as the model says."""
        names = {name for model in self.possible for name in model.servers}
        records = laws.records_of(self.machine)
        self.possible = laws.acknowledged_is_there(
            self.machine, _distinct(self.possible), sorted(names | {str(r.name) for r in records})
        )
        self.disturbed &= {str(record.name) for record in records}
        for record in records:
            name = str(record.name)
            servers = [model.servers.get(name) for model in self.possible]
            if laws.is_settled(record) and name not in self.disturbed:
                server = servers[0]
                assert server is not None
                laws.settled_host_equals_records(self.machine, record, server)
        settled = all(map(laws.is_settled, records))
        self._lingering = [] if settled else _distinct(self._lingering)
        model = self.certain
        if model is not None and settled:
            laws.no_session_outlives_its_password(self.machine, self.watch.logins, model)
        self.watch.arm(CALM, [Ceiling.over([*self.possible, *self._lingering])])
        self.watch.look("the use case")
        locks = self.machine.lock_table
        assert not locks.held
        stray = laws.stray_locks(self.machine) - self._lost_locks
        assert not stray, f"locks of nobody: {stray}"

    def settle(self) -> None:
        """After an undisturbed reconcile everything is certain, and another one has nothing to do.

        Except for an extension that was set aside: it is settled when its server is started.
        """
        self.run(reconcile(), again=True)
        known = {each.id for record in laws.records_of(self.machine) for each in record.operations}
        assert known >= self.machine.progress.keys()
        for record in laws.records_of(self.machine):
            if any(share.operation is not None for share in record.shares):
                self.run(start(str(record.name)), again=True)
        assert self.certain is not None, f"it is not certain what is promised: {self.possible}"
        assert not self.disturbed
        assert all(map(laws.is_settled, laws.records_of(self.machine)))

    def resume(self, possible: list[Model], *, disturbed: bool) -> None:
        """Go on after other callers have worked here, who came to one of these models."""
        self.possible, self.disturbed = possible, set(self._names()) if disturbed else set()
        if disturbed:
            self._lost_locks |= laws.stray_locks(self.machine)
        self._take_stock()
        self.settle()

    # -- clients and shocks

    def shock(self, server: str | None) -> None:
        """The host reboots, or one server's container dies."""
        if server is None:
            self.machine.reboot()
            self.disturbed |= set(self._names())
            return
        record = next((r for r in laws.records_of(self.machine) if str(r.name) == server), None)
        if record is not None and record.id in self.machine.containers:
            self.machine.kill_container(record.id)
            self.disturbed.add(server)

    def build_image(self) -> None:
        """From now on running containers have a former image."""
        self.machine.image += "'"

    def wrote(self, server: str, share: str, name: str, data: bytes) -> None:
        """Note that a client's data was accepted."""
        for model in self.possible:
            found = model.servers.get(server)
            if found is not None and share in found.shares:
                found.shares[share].files[name] = data

    def _opened_beyond(self, operation: Operation) -> list[OpenFile]:
        """The open files that the operation must not close."""
        if operation.pauses and self.machine.snapshot_way is SnapshotWay.COPYING_READ_ONLY:
            operation = evolve(operation, users=None)
        names = {record.id: str(record.name) for record in laws.records_of(self.machine)}
        image, containers = self.machine.image, self.machine.containers
        return [
            file
            for session in self.machine.sessions
            for file in session.files
            if names[session.server_id] not in self.disturbed
            and not (operation.upgrades and containers[session.server_id].image != image)
            and not operation.may_disturb(names[session.server_id], str(file.share.name), session.user)
        ]

    def _pictures_of_others(self, operation: Operation) -> dict[str, Picture]:
        if not operation.server:
            return {}
        return {
            str(record.name): Picture.of(self.machine, record)
            for record in laws.records_of(self.machine)
            if str(record.name) != operation.server
        }


def _distinct(models: Iterable[Model]) -> list[Model]:
    distinct: list[Model] = []
    for model in models:
        if model not in distinct:
            distinct.append(model)
    return distinct
