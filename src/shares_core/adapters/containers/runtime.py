"""Share servers' containers, as their service's profile describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from shares_core.adapters.containers.agent import make_listener
from shares_core.adapters.containers.base_image import find_image
from shares_core.adapters.containers.client import Docker
from shares_core.adapters.containers.errors import docker_errors
from shares_core.adapters.containers.events import LABEL_SERVER, wait_for_docker, wait_for_ends
from shares_core.adapters.containers.image import require_image
from shares_core.adapters.containers.log import LogMark, lines_after, parse_log, second_of
from shares_core.adapters.containers.settings import Limits, container_settings, fingerprint
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.linux.polling import wait_until
from shares_core.adapters.state.installation import Installation
from shares_core.adapters.state.layout import Layout
from shares_core.domain.errors import BackendFailure, Conflict
from shares_core.domain.remedy import Call, Parameter, Remedy, UseCase
from shares_core.domain.service import ServiceProfile, TcpPort
from shares_core.domain.views import LogLine, RunState
from shares_core.ports.runtime import ContainerState, Ended, LogPart, ServerRuntime

LABEL_INSTALLATION = "shares-core.installation"
_LABEL_CONFINEMENT = "shares-core.confinement"
_READY_SECONDS = 30.0
#: How long Docker may take for another caller's request.
_LATE_SECONDS = 30.0
#: So many of its last lines are read of a log, until the bookmark is among them: few are new.
_TAILS: tuple[int | str, ...] = (256, 4096, "all")
_LISTEN = " 0A "  # in the kernel's table of sockets


class DockerRuntime(ServerRuntime):
    """Containers by Docker's API. A container has its server's id in its name and ours in a label."""

    def __init__(
        self,
        profile: ServiceProfile,
        docker: Docker,
        layout: Layout,
        installation: Installation,
        image: str,
        limits: Limits,
    ) -> None:
        self._profile = profile
        self._docker = docker
        self._layout = layout
        self._installation = installation
        self._image = image
        self._limits = limits

    def check(self, *, stale_image_ok: bool = False) -> None:
        require_image(self._docker.api, self._image, self._profile.image, stale_ok=stale_image_ok)

    def ensure(self, server_id: str, uid: int, image: str = "") -> None:
        # Docker takes the name before the container exists. It may be making the container for a caller that
        # was killed: then wait for it.
        def there() -> bool:
            return self._is_there(server_id, uid) or not self._is_being_made(server_id, uid, image)

        if not wait_until(there, _LATE_SECONDS):
            with docker_errors(f"making the container of server {server_id}", creating=True):
                self._create(server_id, uid, image)

    def _is_there(self, server_id: str, uid: int) -> bool:
        existing = self._inspect(server_id)
        if existing is None:
            return False
        if not self._is_ours(existing):
            raise Conflict(
                f"container {container_name(server_id)} belongs to another installation of shares-core",
                hint=Remedy.of("use that installation's ", Parameter("state_dir")),
            )
        user = existing["Config"]["User"]
        if user != self._user(uid):
            raise Conflict(f"the container of server {server_id} runs as {user}, not {self._user(uid)}")
        return True

    def _is_being_made(self, server_id: str, uid: int, image: str) -> bool:
        """Make the container. Returns whether its name is already taken."""
        from docker.errors import APIError

        with docker_errors(f"making the container of server {server_id}", creating=True):
            try:
                self._create(server_id, uid, image)
            except APIError as error:
                if error.status_code != HTTPStatus.CONFLICT:
                    raise
                return True
        return False

    def _create(self, server_id: str, uid: int, image: str) -> None:
        with os_errors(f"making the folder for the agent of server {server_id}"):
            make_listener(self._layout, server_id)
        api = self._docker.api
        settings = self._settings(server_id, uid)
        api.create_container(
            image=image or self._image,
            name=container_name(server_id),
            user=self._user(uid),
            labels={
                LABEL_INSTALLATION: self._installation.id(),
                LABEL_SERVER: server_id,
                _LABEL_CONFINEMENT: fingerprint(settings),
            },
            hostname=server_id,
            network_disabled=False,
            # Root's Docker configuration may have proxies, often with a password, that no tenant may read.
            use_config_proxy=False,
            host_config=api.create_host_config(**settings),
        )

    def start(self, server_id: str) -> ContainerState:
        if self._ours(server_id) is None:
            raise BackendFailure(
                f"server {server_id} has no container", hint=Remedy.of(Call(UseCase.RECONCILE))
            )
        with docker_errors(f"starting the container of server {server_id}"):
            self._docker.api.start(container_name(server_id))
        state = self.inspect(server_id)
        if state.state is not RunState.RUNNING:
            raise BackendFailure(
                f"{self._profile.process} of server {server_id} ended at once: {self._log(server_id)}"
            )
        return state

    def wait_ready(self, server_id: str) -> None:
        state = self.inspect(server_id)
        if state.state is RunState.ABSENT:
            raise BackendFailure(
                f"server {server_id} has no container", hint=Remedy.of(Call(UseCase.RECONCILE))
            )
        ended = False

        def listening_or_ended() -> bool:
            nonlocal ended
            if state.namespace and is_listening(Path(state.namespace), self._profile.probe):
                return True
            ended = not state.namespace or not Path(state.namespace).exists()
            return ended

        if not wait_until(listening_or_ended, _READY_SECONDS) or ended:
            why = "ended" if ended else f"does not listen after {_READY_SECONDS:g} s"
            raise BackendFailure(
                f"{self._profile.process} of server {server_id} {why}: {self._log(server_id)}"
            )

    def _log(self, server_id: str) -> str:
        with docker_errors(f"reading the log of server {server_id}"):
            log: bytes = self._docker.api.logs(container_name(server_id), tail=5)
        return " ".join(log.decode(errors="replace").split())[-400:] or "its log is empty"

    def remove(self, server_id: str) -> None:
        found = self._ours(server_id)
        if found is None:
            return
        with docker_errors(f"removing the container of server {server_id}"):
            # Docker may already be removing it for a caller that was killed: then wait for it.
            if not wait_until(lambda: not self._is_being_removed(found["Id"]), _LATE_SECONDS):
                self._docker.api.remove_container(found["Id"], force=True, v=True)

    def end(self, server_id: str) -> None:
        found = self._ours(server_id)
        if found is not None:
            with docker_errors(f"stopping the container of server {server_id}"):
                self._docker.api.stop(found["Id"], timeout=0)

    def _is_being_removed(self, container_id: str) -> bool:
        """Remove the container. Returns whether Docker is already removing it.

        By its id: if Docker is late, another container may have its name by then.
        """
        from docker.errors import APIError, NotFound

        try:
            self._docker.api.remove_container(container_id, force=True, v=True)
        except NotFound:
            return False  # it is gone, as it should be
        except APIError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            return True
        return False

    def inspect(self, server_id: str) -> ContainerState:
        found = self._ours(server_id)
        if found is None:
            return ContainerState(RunState.ABSENT)
        if not found["State"]["Running"]:
            return ContainerState(RunState.STOPPED, image=found["Image"])
        return ContainerState(RunState.RUNNING, f"/proc/{found['State']['Pid']}/ns/net", found["Image"])

    def outdated(self, uids: Mapping[str, int]) -> frozenset[str]:
        image = find_image(self._docker.api, self._image)
        if image is None:
            return frozenset()
        there = {found["Labels"][LABEL_SERVER]: found for found in self._list()}
        return frozenset(
            server_id
            for server_id, uid in uids.items()
            if server_id in there and not self._fits(there[server_id], image["Id"], server_id, uid)
        )

    def _fits(self, found: dict[str, Any], image: str, server_id: str, uid: int) -> bool:
        confined = fingerprint(self._settings(server_id, uid))
        return (found["ImageID"], found["Labels"].get(_LABEL_CONFINEMENT)) == (image, confined)

    def bookmark(self, seconds: float) -> str:
        return wait_for_docker(self._docker, seconds)

    def ended(self, bookmark: str, seconds: float) -> Ended:
        label = f"{LABEL_INSTALLATION}={self._installation.known_id()}"
        return wait_for_ends(self._docker.api, label, bookmark, seconds)

    def _settings(self, server_id: str, uid: int) -> dict[str, Any]:
        return container_settings(self._profile, self._layout, server_id, uid, self._limits)

    def log(self, server_id: str, after: str = "") -> tuple[LogLine, ...]:
        if self._ours(server_id) is None:
            return ()
        with docker_errors(f"reading the log of server {server_id}"):
            log: bytes = self._docker.api.logs(
                container_name(server_id), timestamps=True, since=second_of(after)
            )
        return tuple(line for line in parse_log(log) if line.time > after)

    def log_since(self, server_id: str, bookmark: str) -> LogPart:
        found = self._ours(server_id)
        if found is None:
            return LogPart((), bookmark)
        mark = LogMark.read(bookmark)
        fits = mark.container == found["Id"][:12]
        # Looked at before the log: what ended by then logs nothing after it.
        lines: tuple[LogLine, ...] = ()
        since: tuple[LogLine, ...] | None = None
        ended = not found["State"]["Running"]
        for tail in _TAILS if fits else _TAILS[-1:]:
            lines = self._last_lines(server_id, found["Id"], tail)
            since = lines_after(lines, mark.time) if fits else None
            if since is not None:
                break
        if not lines:
            return LogPart((), bookmark)
        end = LogMark(found["Id"][:12], lines[-1].time, ended)
        if since is not None:
            return LogPart(since, str(end))
        return LogPart(lines, str(end), complete=not fits and (not bookmark or mark.ended))

    def _last_lines(self, server_id: str, container_id: str, tail: int | str) -> tuple[LogLine, ...]:
        with docker_errors(f"reading the log of server {server_id}"):
            log: bytes = self._docker.api.logs(container_id, timestamps=True, tail=tail)
        return parse_log(log)

    def list(self) -> Mapping[str, RunState]:
        return {
            found["Labels"][LABEL_SERVER]: (
                RunState.RUNNING if found["State"] == "running" else RunState.STOPPED
            )
            for found in self._list()
        }

    def _list(self) -> Sequence[dict[str, Any]]:
        """What Docker says of all this installation's containers, in one request."""
        installation = self._installation.known_id()
        if not installation:
            return []
        with docker_errors("listing containers"):
            found: Sequence[dict[str, Any]] = self._docker.api.containers(
                all=True, filters={"label": f"{LABEL_INSTALLATION}={installation}"}
            )
        return found

    # -- helpers

    def _user(self, uid: int) -> str:
        user, group = self._profile.identity.of(uid)
        return f"{user}:{group}"

    def _inspect(self, server_id: str) -> dict[str, Any] | None:
        from docker.errors import NotFound

        with docker_errors(f"looking at the container of server {server_id}"):
            try:
                found: dict[str, Any] = self._docker.api.inspect_container(container_name(server_id))
            except NotFound:
                return None
        return found

    def _ours(self, server_id: str) -> dict[str, Any] | None:
        found = self._inspect(server_id)
        return found if found is not None and self._is_ours(found) else None

    def _is_ours(self, found: dict[str, Any]) -> bool:
        label = (found["Config"]["Labels"] or {}).get(LABEL_INSTALLATION)
        return label is not None and label == self._installation.known_id()


def container_name(server_id: str) -> str:
    return f"shares-{server_id}"


def is_listening(namespace: Path, port: TcpPort) -> bool:
    """Whether something listens on the port in the network namespace of ``/proc/<pid>/ns/net``."""
    process, address = namespace.parent.parent, f":{port.number:04X} 00000000"
    for table in ("tcp", "tcp6"):
        try:
            sockets = (process / "net" / table).read_text()
        except OSError:
            continue  # it ended
        if any(address in line and _LISTEN in line for line in sockets.splitlines()):
            return True
    return False
