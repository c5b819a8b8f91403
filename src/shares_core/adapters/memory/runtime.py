"""Containers in memory."""

from __future__ import annotations

from shares_core.adapters.memory.faults import halfway
from shares_core.adapters.memory.host import MemoryHost
from shares_core.adapters.memory.state import Container
from shares_core.domain.errors import BackendFailure, Conflict, HostNotReady
from shares_core.domain.views import RunState
from shares_core.ports.runtime import ContainerState, ServerRuntime


class MemoryRuntime(ServerRuntime):
    """The containers in ``MemoryHost.containers``. Half-done: a container that was never started."""

    def __init__(self, host: MemoryHost) -> None:
        self._host = host

    def check(self, *, stale_image_ok: bool = False) -> None:
        self._need_docker()
        if not self._host.image_built:
            raise HostNotReady("the image is not built", hint="run 'shares-core image build'")
        if self._host.image_stale and not stale_image_ok:
            raise HostNotReady("the image is of another version", hint="run 'shares-core image build'")

    def ensure(self, server_id: str, uid: int) -> None:
        self._need_docker()
        container = self._host.containers.get(server_id)
        if container is None:
            self.check(stale_image_ok=True)
            if server_id not in self._host.folders:
                raise BackendFailure(f"server {server_id} has no folder")
            self._host.containers[server_id] = Container(uid)
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
        return ContainerState(RunState.RUNNING, container.namespace)

    def wait_ready(self, server_id: str) -> None:
        container = self._ours(server_id)
        if container is None or not container.running:
            raise BackendFailure(f"the container of server {server_id} does not run")
        if self._host.smbd_fails:
            raise BackendFailure(f"smbd of server {server_id} ended: {self._host.smbd_fails}")

    def stop(self, server_id: str) -> None:
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
            return ContainerState(RunState.STOPPED)
        return ContainerState(RunState.RUNNING, container.namespace)

    def list(self) -> tuple[str, ...]:
        self._need_docker()
        return tuple(server_id for server_id, found in self._host.containers.items() if not found.foreign)

    def _need_docker(self) -> None:
        if not self._host.docker_up:
            raise HostNotReady("Docker does not answer", hint="start it: systemctl start docker")

    def _ours(self, server_id: str) -> Container | None:
        self._need_docker()
        container = self._host.containers.get(server_id)
        return None if container is None or container.foreign else container
