"""What every runtime of servers does."""

from __future__ import annotations

from abc import abstractmethod

import pytest

from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.errors import BackendFailure, Conflict, HostNotReady
from shares_core.domain.views import RunState
from shares_core.ports.runtime import LogPart, ServerRuntime
from tests.contracts.values import UID, new_server
from tests.contracts.world import World

_ABSENT, _STOPPED, _RUNNING = RunState.ABSENT, RunState.STOPPED, RunState.RUNNING


class RuntimeWorld(World):
    """A host where containers run, with the current image."""

    @abstractmethod
    def without_image(self) -> ServerRuntime:
        """The same runtime without an image."""

    @abstractmethod
    def with_stale_image(self) -> ServerRuntime:
        """The same runtime with an image of another version."""

    @abstractmethod
    def without_docker(self) -> ServerRuntime:
        """The same runtime if nothing answers."""

    @abstractmethod
    def foreign_container(self, server_id: str) -> None:
        """Make another installation's container of that name."""

    @abstractmethod
    def foreign_is_there(self, server_id: str) -> bool:
        """Whether that container exists and was not started."""

    @abstractmethod
    def lives(self, namespace: str) -> bool:
        """Whether anything runs in the namespace."""

    @abstractmethod
    def kill(self, server_id: str) -> None:
        """Kill smbd from outside, as the kernel does when it needs memory."""

    @abstractmethod
    def break_smbd(self, server_id: str) -> str:
        """Keep the server's smbd from working. Returns a word of its complaint."""


class ServerRuntimeContract:
    """The suite of ``ports.runtime``."""

    @pytest.fixture
    def server_id(self, world: RuntimeWorld) -> str:
        """A server with folders and a configuration."""
        server = new_server(world.new_id())
        world.ports.folders.ensure(server.id, UID)
        world.ports.smb_config.apply(server, {})
        return server.id

    def test_a_host_with_the_current_image_is_ready(self, world: RuntimeWorld) -> None:
        """A host without an image or a daemon is not."""
        runtime = world.ports.runtime
        runtime.check()
        for stale_ok in (False, True):
            for lacking in (world.without_image(), world.without_docker()):
                with pytest.raises(HostNotReady):
                    lacking.check(stale_image_ok=stale_ok)

    def test_a_stale_image_is_accepted_only_on_request(self, world: RuntimeWorld) -> None:
        """Running servers may go on with it."""
        stale = world.with_stale_image()
        stale.check(stale_image_ok=True)
        with pytest.raises(HostNotReady):
            stale.check()

    def test_ensuring_twice_is_ensuring_once(self, world: RuntimeWorld, server_id: str) -> None:
        """The container is not started, as after a half-done ensure."""
        runtime = world.ports.runtime
        assert (_ABSENT, {}) == (runtime.inspect(server_id).state, runtime.list())
        for _ in range(2):
            runtime.ensure(server_id, UID)
            assert (_STOPPED, {server_id: _STOPPED}) == (runtime.inspect(server_id).state, runtime.list())

    def test_an_existing_container_needs_no_image(self, world: RuntimeWorld, server_id: str) -> None:
        """A missing container does, and is not made."""
        runtime = world.ports.runtime
        with pytest.raises(HostNotReady):
            world.without_image().ensure(server_id, UID)
        assert {} == world.ports.runtime.list()
        world.ports.runtime.ensure(server_id, UID)
        world.without_image().ensure(server_id, UID)
        assert _STOPPED == runtime.inspect(server_id).state

    def test_another_user_is_a_conflict(self, world: RuntimeWorld, server_id: str) -> None:
        """Running or not; it stays as it was."""
        runtime = world.ports.runtime
        runtime.ensure(server_id, UID)
        with pytest.raises(Conflict):
            runtime.ensure(server_id, UID + 1)
        running = runtime.start(server_id)
        with pytest.raises(Conflict):
            runtime.ensure(server_id, UID + 1)
        runtime.ensure(server_id, UID)
        assert running == runtime.inspect(server_id)

    def test_another_installations_container_counts_as_absent(
        self, world: RuntimeWorld, server_id: str
    ) -> None:
        """Only ensuring is a conflict, and the container is left alone."""
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
        """There would be nothing for it to see."""
        runtime = world.ports.runtime
        with pytest.raises(BackendFailure):
            runtime.ensure(world.new_id(), UID)
        assert {} == runtime.list()

    def test_a_container_whose_folders_are_gone_does_not_start(
        self, world: RuntimeWorld, server_id: str
    ) -> None:
        """The folders are not made on the way."""
        runtime = world.ports.runtime
        runtime.ensure(server_id, UID)
        world.ports.folders.remove(server_id)
        with pytest.raises(BackendFailure):
            runtime.start(server_id)
        assert (_STOPPED, ()) == (runtime.inspect(server_id).state, world.ports.folders.list())

    def test_starting_twice_is_starting_once(self, world: RuntimeWorld, server_id: str) -> None:
        """Both calls return the same namespace, and smbd listens in it."""
        runtime = world.ports.runtime
        runtime.ensure(server_id, UID)
        running = runtime.start(server_id)
        assert (RunState.RUNNING, True) == (running.state, world.lives(running.namespace))
        for _ in range(2):
            runtime.wait_ready(server_id)
            assert running == runtime.start(server_id) == runtime.inspect(server_id)

    def test_an_absent_container_is_not_started(self, world: RuntimeWorld, server_id: str) -> None:
        """Waiting for it fails too."""
        runtime = world.ports.runtime
        with pytest.raises(BackendFailure):
            runtime.start(server_id)
        with pytest.raises(BackendFailure):
            runtime.wait_ready(server_id)
        runtime.ensure(server_id, UID)
        with pytest.raises(BackendFailure):
            runtime.wait_ready(server_id)
        assert _STOPPED == runtime.inspect(server_id).state

    def test_a_failing_smbd_says_why(self, world: RuntimeWorld, server_id: str) -> None:
        """In its own words, and without a long wait."""
        runtime = world.ports.runtime
        said = world.break_smbd(server_id)
        runtime.ensure(server_id, UID)
        with pytest.raises(BackendFailure, match=said):
            _bring_up(runtime, server_id)

    def test_a_killed_server_is_stopped_and_starts_again(self, world: RuntimeWorld, server_id: str) -> None:
        """In a new namespace."""
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
        """Without an image none is outdated; an absent container is not either."""
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

    def test_servers_that_end_are_returned(self, world: RuntimeWorld, server_id: str) -> None:
        """Those since the bookmark, also from before the call; each only once."""
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

    def test_the_log_holds_what_the_service_said(self, world: RuntimeWorld, server_id: str) -> None:
        """In its order, and only what came after a time that is given; without a container nothing."""
        runtime = world.ports.runtime
        assert () == runtime.log(server_id)
        runtime.ensure(server_id, UID)
        runtime.start(server_id)
        assert wait_until(lambda: any("smbd" in line.text for line in runtime.log(server_id)), 30)
        lines = runtime.log(server_id)
        assert sorted(lines, key=lambda line: line.time) == list(lines)
        assert lines[1:] == runtime.log(server_id, lines[0].time)[: len(lines) - 1]
        runtime.remove(server_id)
        assert () == runtime.log(server_id)

    def test_a_log_is_read_on_from_a_bookmark(self, world: RuntimeWorld, server_id: str) -> None:
        """Each line once, also those that come later, until the container has ended."""
        runtime = world.ports.runtime
        assert LogPart((), "") == runtime.log_since(server_id, "")
        runtime.ensure(server_id, UID)
        runtime.start(server_id)
        assert wait_until(lambda: bool(runtime.log_since(server_id, "").lines), 30)
        first = runtime.log_since(server_id, "")
        assert first.complete
        runtime.end(server_id)
        rest = runtime.log_since(server_id, first.bookmark)
        assert (runtime.log(server_id), True) == ((*first.lines, *rest.lines), rest.complete)
        assert LogPart((), rest.bookmark) == runtime.log_since(server_id, rest.bookmark)

    def test_an_ended_container_keeps_its_log(self, world: RuntimeWorld, server_id: str) -> None:
        """Nothing runs in it any more; any number of times, and without a container too."""
        runtime = world.ports.runtime
        runtime.end(server_id)
        runtime.ensure(server_id, UID)
        _bring_up(runtime, server_id)
        namespace = runtime.inspect(server_id).namespace
        for _ in range(2):
            runtime.end(server_id)
            assert (_STOPPED, False) == (runtime.inspect(server_id).state, world.lives(namespace))
        assert runtime.log(server_id)

    def test_lines_that_went_unread_are_told(self, world: RuntimeWorld, server_id: str) -> None:
        """If a container was removed that still ran when its log was read last; not if it had ended."""
        runtime = world.ports.runtime
        bookmarks = []
        for ends in (False, True):
            runtime.ensure(server_id, UID)
            _bring_up(runtime, server_id)
            if ends:
                runtime.end(server_id)
            bookmarks.append(runtime.log_since(server_id, "").bookmark)
            runtime.remove(server_id)
        runtime.ensure(server_id, UID)
        _bring_up(runtime, server_id)
        parts = [runtime.log_since(server_id, bookmark) for bookmark in bookmarks]
        assert [False, True] == [part.complete for part in parts]
        assert all(part.lines for part in parts)

    def test_without_docker_nothing_is_said_of_containers(self, world: RuntimeWorld, server_id: str) -> None:
        """Neither that they exist nor that they do not."""
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
            lambda: silent.end(server_id),
            lambda: silent.log_since(server_id, ""),
            lambda: silent.remove(server_id),
        ):
            with pytest.raises(HostNotReady):
                ask()


def _bring_up(runtime: ServerRuntime, server_id: str) -> None:
    runtime.start(server_id)
    runtime.wait_ready(server_id)
