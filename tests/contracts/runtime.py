"""What every runtime of servers does."""

from __future__ import annotations

from abc import abstractmethod

import pytest

from shares_core.domain.errors import BackendFailure, Conflict, HostNotReady
from shares_core.domain.views import RunState
from shares_core.ports.runtime import ServerRuntime
from tests.contracts.values import UID, new_server
from tests.contracts.world import World

_ABSENT, _STOPPED, _RUNNING = RunState.ABSENT, RunState.STOPPED, RunState.RUNNING


class RuntimeWorld(World):
    """A host where containers run, with the current image."""

    @abstractmethod
    def without_image(self) -> ServerRuntime:
        """The same runtime where the image was not built."""

    @abstractmethod
    def with_stale_image(self) -> ServerRuntime:
        """The same runtime where the image is of another version."""

    @abstractmethod
    def without_docker(self) -> ServerRuntime:
        """The same runtime where nothing answers."""

    @abstractmethod
    def foreign_container(self, server_id: str) -> None:
        """Make another installation's container of that name."""

    @abstractmethod
    def foreign_is_there(self, server_id: str) -> bool:
        """Whether that one is there, and was not started."""

    @abstractmethod
    def lives(self, namespace: str) -> bool:
        """Whether anything runs in the namespace."""

    @abstractmethod
    def kill(self, server_id: str) -> None:
        """End smbd from without, as the kernel does that needs its memory."""

    @abstractmethod
    def break_smbd(self, server_id: str) -> str:
        """Keep the server's smbd from working; gives a word of what it will say to that."""


class ServerRuntimeContract:
    """The suite of ``ports.runtime``."""

    @pytest.fixture
    def server_id(self, world: RuntimeWorld) -> str:
        """A server that has its folders, and a configuration."""
        server = new_server(world.new_id())
        world.ports.folders.ensure(server.id, UID)
        world.ports.smb_config.apply(server, {})
        return server.id

    def test_a_host_with_the_current_image_is_ready(self, world: RuntimeWorld) -> None:
        """And one without an image, or without a daemon, is not."""
        runtime = world.ports.runtime
        runtime.check()
        for stale_ok in (False, True):
            for lacking in (world.without_image(), world.without_docker()):
                with pytest.raises(HostNotReady):
                    lacking.check(stale_image_ok=stale_ok)

    def test_an_image_of_another_version_is_good_enough_only_where_it_is_said_to_be(
        self, world: RuntimeWorld
    ) -> None:
        """What runs already may go on with it."""
        stale = world.with_stale_image()
        stale.check(stale_image_ok=True)
        with pytest.raises(HostNotReady):
            stale.check()

    def test_ensuring_twice_is_ensuring_once(self, world: RuntimeWorld, server_id: str) -> None:
        """A container that was not started: what a half-done ensure leaves, too."""
        runtime = world.ports.runtime
        assert (_ABSENT, {}) == (runtime.inspect(server_id).state, runtime.list())
        for _ in range(2):
            runtime.ensure(server_id, UID)
            assert (_STOPPED, {server_id: _STOPPED}) == (runtime.inspect(server_id).state, runtime.list())

    def test_a_container_that_is_there_needs_no_image(self, world: RuntimeWorld, server_id: str) -> None:
        """One that is not there does, and none is made."""
        runtime = world.ports.runtime
        with pytest.raises(HostNotReady):
            world.without_image().ensure(server_id, UID)
        assert {} == world.ports.runtime.list()
        world.ports.runtime.ensure(server_id, UID)
        world.without_image().ensure(server_id, UID)
        assert _STOPPED == runtime.inspect(server_id).state

    def test_another_user_is_a_conflict(self, world: RuntimeWorld, server_id: str) -> None:
        """Whether it runs or not, and it goes on as it did."""
        runtime = world.ports.runtime
        runtime.ensure(server_id, UID)
        with pytest.raises(Conflict):
            runtime.ensure(server_id, UID + 1)
        running = runtime.start(server_id)
        with pytest.raises(Conflict):
            runtime.ensure(server_id, UID + 1)
        runtime.ensure(server_id, UID)
        assert running == runtime.inspect(server_id)

    def test_another_installations_container_is_not_there(self, world: RuntimeWorld, server_id: str) -> None:
        """It is a conflict to ensure, and nothing is done to it."""
        runtime = world.ports.runtime
        world.foreign_container(server_id)
        with pytest.raises(Conflict):
            runtime.ensure(server_id, UID)
        with pytest.raises(BackendFailure):
            runtime.start(server_id)
        runtime.remove(server_id)
        assert (_ABSENT, {}) == (runtime.inspect(server_id).state, runtime.list())
        assert world.foreign_is_there(server_id)

    def test_a_server_without_folders_gets_no_container(self, world: RuntimeWorld) -> None:
        """There is nothing that it could see."""
        runtime = world.ports.runtime
        with pytest.raises(BackendFailure):
            runtime.ensure(world.new_id(), UID)
        assert {} == runtime.list()

    def test_a_container_whose_folders_are_gone_does_not_start(
        self, world: RuntimeWorld, server_id: str
    ) -> None:
        """Nobody makes them anew on the way."""
        runtime = world.ports.runtime
        runtime.ensure(server_id, UID)
        world.ports.folders.remove(server_id)
        with pytest.raises(BackendFailure):
            runtime.start(server_id)
        assert (_STOPPED, ()) == (runtime.inspect(server_id).state, world.ports.folders.list())

    def test_starting_twice_is_starting_once(self, world: RuntimeWorld, server_id: str) -> None:
        """Both tell the same namespace, and smbd listens in it."""
        runtime = world.ports.runtime
        runtime.ensure(server_id, UID)
        running = runtime.start(server_id)
        assert (RunState.RUNNING, True) == (running.state, world.lives(running.namespace))
        for _ in range(2):
            runtime.wait_ready(server_id)
            assert running == runtime.start(server_id) == runtime.inspect(server_id)

    def test_what_is_not_there_is_not_started(self, world: RuntimeWorld, server_id: str) -> None:
        """Nor waited for."""
        runtime = world.ports.runtime
        with pytest.raises(BackendFailure):
            runtime.start(server_id)
        with pytest.raises(BackendFailure):
            runtime.wait_ready(server_id)
        runtime.ensure(server_id, UID)
        with pytest.raises(BackendFailure):
            runtime.wait_ready(server_id)
        assert _STOPPED == runtime.inspect(server_id).state

    def test_an_smbd_that_ends_tells_why(self, world: RuntimeWorld, server_id: str) -> None:
        """In its own words, and not after a long wait."""
        runtime = world.ports.runtime
        said = world.break_smbd(server_id)
        runtime.ensure(server_id, UID)
        with pytest.raises(BackendFailure, match=said):
            _bring_up(runtime, server_id)

    def test_a_server_that_was_killed_is_stopped_and_starts_again(
        self, world: RuntimeWorld, server_id: str
    ) -> None:
        """In a namespace of its own."""
        runtime = world.ports.runtime
        runtime.ensure(server_id, UID)
        namespace = runtime.start(server_id).namespace
        world.kill(server_id)
        assert (_STOPPED, False) == (runtime.inspect(server_id).state, world.lives(namespace))
        runtime.start(server_id)
        runtime.wait_ready(server_id)

    def test_a_removed_container_is_gone_and_removing_the_absent_succeeds(
        self, world: RuntimeWorld, server_id: str
    ) -> None:
        """Running or not, with every process."""
        runtime = world.ports.runtime
        runtime.remove(server_id)
        runtime.ensure(server_id, UID)
        runtime.remove(server_id)
        assert (_ABSENT, {}) == (runtime.inspect(server_id).state, runtime.list())
        runtime.ensure(server_id, UID)
        namespace = runtime.start(server_id).namespace
        for _ in range(2):
            runtime.remove(server_id)
        assert (_ABSENT, {}, False) == (
            runtime.inspect(server_id).state,
            runtime.list(),
            world.lives(namespace),
        )

    def test_a_container_of_a_former_image_is_outdated(self, world: RuntimeWorld, server_id: str) -> None:
        """Where there is no image none is; what is not there is not."""
        runtime, stale = world.ports.runtime, world.with_stale_image()
        wanted = {server_id: UID, world.new_id(): UID}
        stale.ensure(server_id, UID)
        former = stale.inspect(server_id).image
        assert frozenset() == stale.outdated(wanted)
        assert {server_id} == runtime.outdated(wanted)
        assert frozenset() == world.without_image().outdated(wanted)
        runtime.remove(server_id)
        runtime.ensure(server_id, UID)
        assert former != runtime.inspect(server_id).image
        assert frozenset() == runtime.outdated(wanted)
        assert {server_id} == runtime.outdated({server_id: UID + 1})
        runtime.remove(server_id)
        runtime.ensure(server_id, UID, former)
        assert former == runtime.inspect(server_id).image
        assert {server_id} == runtime.outdated(wanted)

    def test_who_ends_is_told(self, world: RuntimeWorld, server_id: str) -> None:
        """Since the bookmark, also before it is asked; once told, not again."""
        runtime = world.ports.runtime
        runtime.ensure(server_id, UID)
        bookmark = runtime.bookmark(0)
        runtime.start(server_id)
        assert {server_id: _RUNNING} == runtime.list()
        world.kill(server_id)
        told = runtime.ended(bookmark, 20)
        assert (server_id,) == told.server_ids
        calm = runtime.ended(told.bookmark, 0.1)
        assert () == calm.server_ids
        runtime.start(server_id)
        runtime.remove(server_id)
        assert (server_id,) == runtime.ended(calm.bookmark, 20).server_ids

    def test_nothing_is_said_of_containers_where_nothing_answers(
        self, world: RuntimeWorld, server_id: str
    ) -> None:
        """Neither that they are there nor that they are not."""
        world.ports.runtime.ensure(server_id, UID)
        silent = world.without_docker()
        for ask in (
            silent.list,
            lambda: silent.outdated({server_id: UID}),
            lambda: silent.bookmark(0.01),
            lambda: silent.ended("1.0", 0.01),
            lambda: silent.inspect(server_id),
            lambda: silent.ensure(server_id, UID),
            lambda: silent.start(server_id),
            lambda: silent.remove(server_id),
        ):
            with pytest.raises(HostNotReady):
                ask()


def _bring_up(runtime: ServerRuntime, server_id: str) -> None:
    runtime.start(server_id)
    runtime.wait_ready(server_id)
