"""Running scripts inside the containers: by the agent beside the service, or by a docker exec."""

from __future__ import annotations

from shares_core.adapters.containers import agent
from shares_core.adapters.containers.client import Docker
from shares_core.adapters.containers.errors import docker_errors
from shares_core.adapters.containers.execution import run_inside
from shares_core.adapters.containers.runtime import container_name
from shares_core.adapters.state.layout import Layout
from shares_core.domain.errors import BackendFailure
from shares_core.domain.views import RunState
from shares_core.ports.processes import Script, ServerProcesses
from shares_core.ports.runtime import ServerRuntime

#: A script's time limit: whatever runs beside it can hold it up. Longer than any script needs.
_SECONDS = 40.0
#: The agent begins at once, except on a very busy host.
_BEGIN_SECONDS = 2.0


class ContainerProcesses(ServerProcesses):
    """Signals by Docker's API; scripts by the agent, or by a docker exec if none answers."""

    def __init__(self, docker: Docker, layout: Layout, runtime: ServerRuntime) -> None:
        self._docker = docker
        self._layout = layout
        self._runtime = runtime

    def signal(self, server_id: str, name: str) -> bool:
        from docker.errors import APIError

        if not self._runs(server_id):
            return False
        with docker_errors(f"signalling server {server_id}"):
            try:
                self._docker.api.kill(container_name(server_id), signal=name)
            except APIError:
                if self._runs(server_id):
                    raise
                return False  # it has ended since the look
        return True

    def run(self, server_id: str, script: Script, *arguments: str, seconds: float | None = None) -> str:
        seconds = _SECONDS if seconds is None else seconds
        said = agent.ask(self._layout, server_id, script, arguments, _BEGIN_SECONDS, seconds)
        what = f"{script.name} in server {server_id}"
        if said is None:
            if not self._runs(server_id):  # a container of that name that is not ours: run nothing in it
                raise BackendFailure(f"running {what}: the server does not run")
            argv = ("bash", "-c", script.text, script.name, *arguments)
            said = run_inside(self._docker.api, container_name(server_id), argv, what, seconds)
        if said.status != 0:
            words = " ".join((said.stderr or said.stdout).decode(errors="replace").split())[-300:]
            raise BackendFailure(f"{what} failed with status {said.status}: {words}")
        return said.stdout.decode(errors="replace")

    def _runs(self, server_id: str) -> bool:
        return self._runtime.inspect(server_id).state is RunState.RUNNING
