"""The plain model: what tenants were promised, in dicts, without hosts, locks or crashes.

Every verb is a generator. It raises Refused before it changes anything, or goes through the stages of the use
case, and yields after each what becomes of it if the use case then fails.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from enum import Enum

from attrs import define, evolve, field
from tests.unit.world import RO, RW

from shares_core.domain.access import AccessLevel
from shares_core.domain.capacity import round_up
from shares_core.domain.errors import (
    AddressTaken,
    AlreadyExists,
    Conflict,
    InvalidInput,
    NoCapacity,
    NotEmpty,
    NotFound,
    SharesError,
)
from shares_core.domain.options import ShareOptions
from shares_core.domain.protection import Dialect, Encryption, Protection
from shares_core.domain.schedules import Schedule
from shares_core.domain.snapshots import SnapshotName

GRANULARITY = 4096
RANK = {None: 0, RO: 1, RW: 2}
#: Any number of servers may ask for the default network; every other home is one bridge and one address on
#: it.
DEFAULT_HOME = "default"
#: A generated password that nobody was told.
UNTOLD = "?"

Rules = Mapping[str, AccessLevel]


class Stage(Enum):
    """What becomes of a stage if the use case fails after it: it only goes forward, or rolls back."""

    STICKS = "sticks"
    UNDONE = "undone"


class Refused(Exception):
    """The use case must raise this kind of error, and change nothing."""

    def __init__(self, kind: type[SharesError]) -> None:
        super().__init__(kind.__name__)
        self.kind = kind


#: The machine's time, which stands still.
NOW = 1_700_000_000


@define
class Snapshot:
    size: int
    files: dict[str, bytes]
    second: int = NOW
    scheduled: bool = False
    #: Its own among all that were ever taken; names are used again.
    number: int = 0
    #: Who may connect to it; None unless it is exported.
    rules: dict[str, AccessLevel] | None = None


@define
class Export:
    """The rules of a share, or of a snapshot that is exported."""

    of: Share | Snapshot
    level: AccessLevel

    @property
    def rules(self) -> dict[str, AccessLevel]:
        return self.of.rules or {}

    def set(self, rules: Rules) -> None:
        self.of.rules = dict(rules)

    def check(self, *levels: AccessLevel) -> None:
        if any(RANK[level] > RANK[self.level] for level in levels):
            raise Refused(InvalidInput)


@define
class Share:
    size: int
    options: ShareOptions = ShareOptions()
    rules: dict[str, AccessLevel] = field(factory=dict)
    files: dict[str, bytes] = field(factory=dict)
    snapshots: dict[str, Snapshot] = field(factory=dict)
    schedule: Schedule | None = None
    origin: int = 0

    def take(self, number: int, name: str | None = None) -> None:
        """Take a snapshot, which has a second of its own; a scheduled one is named by that."""
        second = NOW
        while second in {each.second for each in self.snapshots.values()}:
            second += 1
        named = name or str(SnapshotName.at(second))
        self.snapshots[named] = Snapshot(self.size, dict(self.files), second, name is None, number)

    def snapshot(self, name: str) -> Snapshot:
        if name not in self.snapshots:
            raise Refused(NotFound)
        return self.snapshots[name]


@define
class Server:
    home: str
    running: bool = True
    protection: Protection = Protection()
    shares: dict[str, Share] = field(factory=dict)
    passwords: dict[str, str] = field(factory=dict)

    def share(self, name: str) -> Share:
        if name not in self.shares:
            raise Refused(NotFound)
        return self.shares[name]

    def export(self, name: str) -> Export:
        share, at, snapshot = name.partition("@")
        found = self.share(share)
        if not at:
            return Export(found, RW)
        if found.snapshot(snapshot).rules is None:
            raise Refused(NotFound)
        return Export(found.snapshot(snapshot), RO)

    @property
    def exports(self) -> dict[str, Export]:
        names = list(self.shares)
        names += [
            f"{name}@{each}"
            for name, share in self.shares.items()
            for each, snapshot in share.snapshots.items()
            if snapshot.rules is not None
        ]
        return {name: self.export(name) for name in names}


@define
class Model:
    """All tenants of a host whose pool has ``pool`` bytes, and ``copies`` volumes for snapshots or not."""

    pool: int
    copies: bool = False
    servers: dict[str, Server] = field(factory=dict)
    #: How many snapshots were ever taken: only for their numbers.
    taken: int = field(default=0, eq=False)

    def copy(self) -> Model:
        servers = {name: _copied(server) for name, server in self.servers.items()}
        return Model(self.pool, self.copies, servers, self.taken)

    def _take(self, share: Share, name: str | None = None) -> None:
        self.taken += 1
        share.take(self.taken, name)

    def server(self, name: str) -> Server:
        if name not in self.servers:
            raise Refused(NotFound)
        return self.servers[name]

    def has_share(self, name: str, share: str) -> bool:
        return name in self.servers and share in self.servers[name].shares

    def rules(self) -> dict[tuple[str, str, str], AccessLevel]:
        """Every rule, by (server, share, user)."""
        return {
            (name, share, user): level
            for name, server in self.servers.items()
            for share, kept in server.exports.items()
            for user, level in kept.rules.items()
        }

    def _reserve(self, before: int, after: int) -> None:
        shares = [share for server in self.servers.values() for share in server.shares.values()]
        sizes = [share.size for share in shares]
        sizes += [snapshot.size for share in shares for snapshot in share.snapshots.values()]
        used = sum(round_up(size, GRANULARITY) for size in sizes)
        if used - round_up(before, GRANULARITY) + round_up(after, GRANULARITY) > self.pool:
            raise Refused(NoCapacity)

    def extend_pool(self, size: int) -> Iterator[Stage]:
        if size < self.pool:
            raise Refused(InvalidInput)
        self.pool = size
        yield Stage.STICKS

    # -- servers

    def create_server(self, name: str, home: str) -> Iterator[Stage]:
        if name in self.servers:
            if self.servers[name].home != home:
                raise Refused(AlreadyExists)
            return
        if home != DEFAULT_HOME and home in {server.home for server in self.servers.values()}:
            raise Refused(AddressTaken)
        self.servers[name] = Server(home)
        yield Stage.UNDONE

    def set_protection(self, name: str, encryption: Encryption, min_protocol: Dialect) -> Iterator[Stage]:
        server = self.server(name)
        try:
            wanted = Protection(encryption, min_protocol)
        except InvalidInput:
            raise Refused(InvalidInput) from None
        if wanted != server.protection:
            server.protection = wanted
            yield Stage.STICKS

    def want(self, name: str, *, running: bool) -> Iterator[Stage]:
        self.server(name).running = running
        yield Stage.STICKS

    def look_at(self, name: str) -> Iterator[Stage]:
        self.server(name)
        return iter(())

    def delete_server(self, name: str, *, with_shares: bool) -> Iterator[Stage]:
        if self.server(name).shares and not with_shares:
            raise Refused(NotEmpty)
        del self.servers[name]
        yield Stage.STICKS

    # -- shares

    def create_share(self, name: str, share: str, size: int) -> Iterator[Stage]:
        server = self.server(name)
        if share in server.shares:
            if server.shares[share].size != size:
                raise Refused(AlreadyExists)
            return
        self._reserve(0, size)
        server.shares[share] = Share(size)
        yield Stage.UNDONE

    def extend_share(self, name: str, share: str, size: int) -> Iterator[Stage]:
        found = self.server(name).share(share)
        if size < found.size:
            raise Refused(InvalidInput)
        self._reserve(found.size, size)
        found.size = size
        yield Stage.STICKS

    def shrink_share(self, name: str, share: str, size: int) -> Iterator[Stage]:
        """For a moment the pool holds both what the share had and what it gets."""
        found = self.server(name).share(share)
        if size > found.size:
            raise Refused(InvalidInput)
        if size < found.size:
            self._reserve(0, found.size)
            found.size = size
            yield Stage.STICKS

    def set_options(self, name: str, share: str, options: ShareOptions) -> Iterator[Stage]:
        found = self.server(name).share(share)
        if options != found.options:
            found.options = options
            yield Stage.STICKS

    def rename_share(self, name: str, share: str, new: str) -> Iterator[Stage]:
        server = self.server(name)
        server.share(share)
        if share == new:
            return
        if new in server.shares:
            raise Refused(AlreadyExists)
        server.shares[new] = server.shares.pop(share)
        yield Stage.STICKS

    def check_share(self, name: str, share: str) -> Iterator[Stage]:
        self.server(name).share(share)
        return iter(())

    def delete_share(self, name: str, share: str) -> Iterator[Stage]:
        server = self.server(name)
        server.share(share)
        del server.shares[share]
        yield Stage.STICKS

    def clone_share(self, name: str, share: str, source: tuple[str, str, str]) -> Iterator[Stage]:
        origin = self.server(source[0]).share(source[1])
        copied = origin.snapshot(source[2])
        server = self.server(name)
        if share in server.shares:
            there = server.shares[share]
            if (there.size, there.origin) != (copied.size, copied.number):
                raise Refused(AlreadyExists)
            return
        self._reserve(0, copied.size)
        server.shares[share] = Share(
            copied.size, origin.options, files=dict(copied.files), origin=copied.number
        )
        yield Stage.UNDONE

    # -- snapshots

    def create_snapshot(self, name: str, share: str, snapshot: str) -> Iterator[Stage]:
        found = self.server(name).share(share)
        if snapshot in found.snapshots:
            raise Refused(AlreadyExists)
        self._reserve(0, found.size)
        self._take(found, snapshot)
        yield Stage.UNDONE

    def delete_snapshot(self, name: str, share: str, snapshot: str) -> Iterator[Stage]:
        found = self.server(name).share(share)
        if found.snapshot(snapshot).rules is not None:
            raise Refused(Conflict)
        del found.snapshots[snapshot]
        yield Stage.STICKS

    def export_snapshot(self, name: str, share: str, snapshot: str) -> Iterator[Stage]:
        found = self.server(name).share(share).snapshot(snapshot)
        if found.rules is None:
            found.rules = {}
            yield Stage.UNDONE

    def unexport_snapshot(self, name: str, share: str, snapshot: str) -> Iterator[Stage]:
        found = self.server(name).share(share).snapshot(snapshot)
        if found.rules is not None:
            found.rules = None
            yield Stage.STICKS

    def set_schedule(self, name: str, share: str, schedule: Schedule | None) -> Iterator[Stage]:
        found = self.server(name).share(share)
        if schedule is not None and self.copies:
            raise Refused(Conflict)
        if found.schedule != schedule:
            found.schedule = schedule
            yield Stage.UNDONE

    def run_schedules(self, taken: Collection[tuple[str, str]] | None) -> Iterator[Stage]:
        """What cannot be taken is left for the next time.

        ``taken`` are the shares of which one was, if that is known: one on which an operation was interrupted
        waits until somebody has recovered it.
        """
        for name, server in sorted(self.servers.items()):
            for each, share in server.shares.items() if server.running else ():
                known = any(snapshot.scheduled for snapshot in share.snapshots.values())
                waits = taken is not None and (name, each) not in taken
                if share.schedule is None or known or waits:
                    continue
                with suppress(Refused):
                    self._reserve(0, share.size)
                    self._take(share)
                    yield Stage.STICKS

    def revert(self, name: str, share: str, snapshot: str) -> Iterator[Stage]:
        """For a moment the pool holds both what the share held and what it will."""
        found = self.server(name).share(share)
        wanted = found.snapshot(snapshot)
        self._reserve(0, wanted.size)
        found.size, found.files = wanted.size, dict(wanted.files)
        yield Stage.STICKS

    # -- access

    def allow(
        self, name: str, share: str, user: str, level: AccessLevel, password: str | None, told: str
    ) -> Iterator[Stage]:
        """``told`` is the password that the use case generates for a new user without one."""
        server = self.server(name)
        export = server.export(share)
        export.check(level)
        rules, known = export.rules, user in server.passwords
        if known and password is not None:
            server.passwords[user] = password
            yield Stage.STICKS
        before = rules.get(user)
        export.set({**rules, user: level})
        if not known:
            server.passwords[user] = password or told
        yield Stage.STICKS if RANK[level] < RANK[before] else Stage.UNDONE

    def deny(self, name: str, share: str, user: str) -> Iterator[Stage]:
        server = self.server(name)
        export = server.export(share)
        if user not in server.passwords:
            raise Refused(NotFound)
        export.set({each: level for each, level in export.rules.items() if each != user})
        yield Stage.STICKS

    def replace(
        self, name: str, share: str, rules: Rules, passwords: Mapping[str, str], told: Mapping[str, str]
    ) -> Iterator[Stage]:
        """First revoke what the rules do not grant, then grant the rest."""
        server = self.server(name)
        found = server.export(share)
        found.check(*rules.values())
        lowest = {
            user: min(level, rules[user], key=RANK.__getitem__)
            for user, level in found.rules.items()
            if user in rules
        }
        if lowest != found.rules:
            found.set(lowest)
            yield Stage.STICKS
        found.set(rules)
        for user in rules:
            if user not in server.passwords:
                server.passwords[user] = passwords.get(user) or told.get(user, UNTOLD)
        if lowest != rules:
            yield Stage.UNDONE

    # -- users

    def set_password(self, name: str, user: str, password: str) -> Iterator[Stage]:
        server = self.server(name)
        if user not in server.passwords:
            raise Refused(NotFound)
        server.passwords[user] = password
        yield Stage.STICKS

    def remove_user(self, name: str, user: str) -> Iterator[Stage]:
        server = self.server(name)
        if server.passwords.pop(user, None) is None:
            raise Refused(NotFound)
        for export in server.exports.values():
            export.set({each: level for each, level in export.rules.items() if each != user})
        yield Stage.STICKS


def _kept(snapshot: Snapshot) -> Snapshot:
    rules = None if snapshot.rules is None else dict(snapshot.rules)
    return evolve(snapshot, files=dict(snapshot.files), rules=rules)


def _copied(server: Server) -> Server:
    shares = {
        name: Share(
            share.size,
            share.options,
            dict(share.rules),
            dict(share.files),
            {each: _kept(snapshot) for each, snapshot in share.snapshots.items()},
            share.schedule,
            share.origin,
        )
        for name, share in server.shares.items()
    }
    return Server(server.home, server.running, server.protection, shares, dict(server.passwords))
