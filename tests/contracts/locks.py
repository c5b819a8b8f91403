"""What all locks do."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from shares_core.domain.errors import BackendFailure, Busy
from shares_core.ports.locks import Locks
from tests.contracts.world import World

Take = Callable[[Locks], AbstractContextManager[None]]
_SECONDS = 10


def of_server(locks: Locks) -> AbstractContextManager[None]:
    return locks.server("a" * 12)


def of_share(locks: Locks) -> AbstractContextManager[None]:
    return locks.share("c" * 12)


def of_claims(locks: Locks) -> AbstractContextManager[None]:
    return locks.claims()


class LocksWorld(World):
    """A host where processes take locks, and die."""

    @abstractmethod
    def locks(self, timeout: float) -> Locks:
        """The locks of another process, which waits that many seconds."""

    @abstractmethod
    def die_holding(self, take: Take) -> None:
        """Let another process take the lock and die without releasing it."""

    @abstractmethod
    def kept_locks(self) -> set[str]:
        """The servers whose locks have left something."""


class LocksContract:
    """The suite of ``ports.locks``."""

    @pytest.fixture(params=[of_server, of_share, of_claims])
    def take(self, request: pytest.FixtureRequest) -> Take:
        """Every kind of lock."""
        chosen: Take = request.param
        return chosen

    @pytest.fixture(params=[of_server, of_claims])
    def waiting(self, request: pytest.FixtureRequest) -> Take:
        """The kinds of locks that callers wait for."""
        chosen: Take = request.param
        return chosen

    def test_a_held_lock_is_busy_for_others(self, world: LocksWorld, take: Take) -> None:
        """They wait for their time and then raise; the holder keeps the lock until it releases it."""
        impatient = world.locks(0.05)
        with take(world.ports.locks):
            for _ in range(2):
                assert "busy" == _elsewhere(lambda: _try(take, impatient))
        assert "taken" == _elsewhere(lambda: _try(take, impatient))

    def test_a_held_share_is_busy_at_once(self, world: LocksWorld) -> None:
        """However long callers wait for a server."""
        with world.ports.locks.share("c" * 12):
            assert "busy" == _elsewhere(lambda: _try(of_share, world.locks(_SECONDS * 10)))

    def test_a_share_can_be_waited_for(self, world: LocksWorld) -> None:
        """Until nobody holds it, or the time is over. Takes nothing, and leaves nothing of a free lock."""
        locks = world.ports.locks
        locks.await_share("d" * 12)
        with ThreadPoolExecutor(1) as thread:
            with locks.share("c" * 12):
                with pytest.raises(Busy):
                    world.locks(0.05).await_share("c" * 12)
                waiting = thread.submit(world.locks(_SECONDS).await_share, "c" * 12)
                assert not waiting.done()
            waiting.result(_SECONDS)
        assert "d" * 12 not in world.kept_locks()

    def test_a_share_is_taken_while_its_server_is_held_and_vice_versa(self, world: LocksWorld) -> None:
        """A caller at work on a share needs its server briefly, and begins while holding the server."""
        locks = world.ports.locks
        with locks.server("a" * 12), locks.share("c" * 12):
            pass
        with locks.share("c" * 12):
            for _ in range(2):
                with locks.server("a" * 12):
                    pass

    def test_everybody_sees_which_locks_are_held(self, world: LocksWorld) -> None:
        """Looking takes nothing."""
        locks, others, ids = world.ports.locks, world.locks(0.05), ("a" * 12, "b" * 12, "c" * 12)
        assert frozenset() == locks.held(ids)
        with locks.server("a" * 12), locks.share("c" * 12):
            assert {"a" * 12, "c" * 12} == others.held(ids)
            assert {"c" * 12} == others.held(("c" * 12,))
        assert frozenset() == locks.held(ids)
        assert "taken" == _try(of_share, others)

    def test_a_waiting_caller_gets_a_released_lock(self, world: LocksWorld, waiting: Take) -> None:
        """Never two at a time."""
        holders, most, at_once = 0, 0, threading.Barrier(4)

        def work() -> None:
            nonlocal holders, most
            at_once.wait(_SECONDS)
            for _ in range(5):
                with waiting(world.locks(_SECONDS)):
                    holders += 1
                    most = max(most, holders)
                    holders -= 1

        with ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(work) for _ in range(4)]:
                done.result(_SECONDS)
        assert (1, 0) == (most, holders)

    def test_an_error_releases_the_lock(self, world: LocksWorld, take: Take) -> None:
        """And is raised."""
        with pytest.raises(BackendFailure, match="the work"), take(world.ports.locks):
            raise BackendFailure("the work failed")
        assert "taken" == _elsewhere(lambda: _try(take, world.locks(0.05)))

    def test_a_holder_that_dies_frees_it(self, world: LocksWorld, take: Take) -> None:
        """Nobody has to clean up after it."""
        world.die_holding(take)
        assert "taken" == _try(take, world.locks(_SECONDS))

    def test_servers_do_not_wait_for_each_other_nor_for_claims(self, world: LocksWorld) -> None:
        """Each server has its own lock, and the claims have one."""
        locks, impatient = world.ports.locks, world.locks(0.05)
        with locks.server("a" * 12):
            assert "taken" == _elsewhere(lambda: _try(lambda each: each.server("b" * 12), impatient))
            assert "taken" == _elsewhere(lambda: _try(of_claims, impatient))
        with locks.claims():
            assert "taken" == _elsewhere(lambda: _try(of_server, impatient))

    def test_one_holder_may_have_servers_by_id_and_then_claims(self, world: LocksWorld) -> None:
        """This is the order for all callers."""
        locks = world.ports.locks
        with locks.server("a" * 12), locks.server("b" * 12), locks.claims():
            pass

    def test_nothing_is_kept_of_a_forgotten_lock(self, world: LocksWorld) -> None:
        """Forgetting twice is forgetting once; other locks stay."""
        locks = world.ports.locks
        with locks.server("b" * 12):
            pass
        with locks.server("a" * 12):
            for _ in range(2):
                locks.forget("a" * 12)
        assert {"b" * 12} >= world.kept_locks()
        assert "taken" == _try(of_server, world.locks(0.05))


def _try(take: Take, locks: Locks) -> str:
    try:
        with take(locks):
            return "taken"
    except Busy:
        return "busy"


def _elsewhere(action: Callable[[], str]) -> str:
    """Do it in another thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(action).result(_SECONDS)
