"""Containers in memory."""

from __future__ import annotations

from collections.abc import Mapping

from shares_core.domain.errors import BackendFailure, Conflict, HostNotReady
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.views import LogLine, RunState
from shares_core.ports.runtime import ContainerState, Ended, LogPart, ServerRuntime
from shares_core.testing.faults import halfway
from shares_core.testing.host import MemoryHost
from shares_core.testing.state import Container


class MemoryRuntime(ServerRuntime):
    """The containers in ``MemoryHost.containers``. Half-done: a container that was never started."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def check(self, *, stale_image_ok: bool = False) -> None:
        self._need_docker()
        if not self._host.image_built:
            raise HostNotReady("the image is not built", hint=Remedy.of(Call(UseCase.BUILD_IMAGE)))
        if self._host.image_stale and not stale_image_ok:
            raise HostNotReady("the image is of another version", hint=Remedy.of(Call(UseCase.BUILD_IMAGE)))

    def ensure(self, server_id: str, uid: int, image: str = "") -> None:
        self._need_docker()
        container = self._host.containers.get(server_id)
        if container is None:
            if not image:
                self.check(stale_image_ok=True)
            if server_id not in self._host.folders:
                raise BackendFailure(f"server {server_id} has no folder")
            self._host.containers[server_id] = Container(uid, image or self._image, number=self._host.count())
            halfway()
        elif container.foreign or container.uid != uid:
            raise Conflict(f"the container of server {server_id} is not the one that is needed")

    def start(self, server_id: str) -> ContainerState:
        container = self._ours(server_id)
        folder = self._host.folders.get(server_id)
        if container is None:
            raise BackendFailure(f"server {server_id} has no container")
        if folder is None or not folder.shared:
            raise BackendFailure(f"the folder of server {server_id} is missing, or mounts do not reach it")
        if not container.running:
            container.namespace = f"/memory/{server_id}/{self._host.count()}"
            container.loaded = folder.shares
            container.log.append(LogLine(f"2026-01-01T00:00:00.{self._host.count():09d}Z", "smbd started"))
        return ContainerState(RunState.RUNNING, container.namespace, container.image)

    def wait_ready(self, server_id: str) -> None:
        container = self._ours(server_id)
        if container is None or not container.running:
            raise BackendFailure(f"the container of server {server_id} does not run")
        if self._host.smbd_fails and container.image not in self._host.good_images:
            self._host.kill_container(server_id)
            raise BackendFailure(f"smbd of server {server_id} ended: {self._host.smbd_fails}")

    def end(self, server_id: str) -> None:
        if self._ours(server_id) is not None:
            self._host.kill_container(server_id)

    def remove(self, server_id: str) -> None:
        if self._ours(server_id) is not None:
            self._host.kill_container(server_id)
            halfway()
            del self._host.containers[server_id]

    def inspect(self, server_id: str) -> ContainerState:
        container = self._ours(server_id)
        if container is None:
            return ContainerState(RunState.ABSENT)
        if not container.running:
            return ContainerState(RunState.STOPPED, image=container.image)
        return ContainerState(RunState.RUNNING, container.namespace, container.image)

    def outdated(self, uids: Mapping[str, int]) -> frozenset[str]:
        self._need_docker()
        if not self._host.image_built:
            return frozenset()
        found = ((server_id, uid, self._ours(server_id)) for server_id, uid in uids.items())
        return frozenset(
            server_id
            for server_id, uid, container in found
            if container is not None and (container.uid, container.image) != (uid, self._image)
        )

    def bookmark(self, seconds: float) -> str:
        self._need_docker(waiting=seconds)
        return str(len(self._host.ended))

    def ended(self, bookmark: str, seconds: float) -> Ended:
        self._need_docker()
        ended, since = self._host.ended, int(bookmark)
        if since == len(ended):
            self._host.uptime += seconds
        return Ended(tuple(dict.fromkeys(ended[since:])), str(len(ended)))

    def log(self, server_id: str, after: str = "") -> tuple[LogLine, ...]:
        container = self._ours(server_id)
        return () if container is None else tuple(line for line in container.log if line.time > after)

    def log_since(self, server_id: str, bookmark: str) -> LogPart:
        container = self._ours(server_id)
        if container is None or not container.log:
            return LogPart((), bookmark)
        number, place, state = (bookmark or "0 0 ended").split(" ")
        fits = int(number) == container.number
        complete = int(place) <= len(container.log) if fits else state == "ended"
        since = int(place) if fits and complete else 0
        end = f"{container.number} {len(container.log)} {'running' if container.running else 'ended'}"
        return LogPart(tuple(container.log[since:]), end, complete)

    def list(self) -> Mapping[str, RunState]:
        self._need_docker()
        return {
            server_id: RunState.RUNNING if container.running else RunState.STOPPED
            for server_id, container in self._host.containers.items()
            if not container.foreign
        }

    @property
    def _image(self) -> str:
        return f"before {self._host.image}" if self._host.image_stale else self._host.image

    def _need_docker(self, waiting: float = 0) -> None:
        if not self._host.docker_up:
            self._host.uptime += waiting
            raise HostNotReady("Docker does not answer", hint="start it")

    def _ours(self, server_id: str) -> Container | None:
        self._need_docker()
        container = self._host.containers.get(server_id)
        return None if container is None or container.foreign else container
