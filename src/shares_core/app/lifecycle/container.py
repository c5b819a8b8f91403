"""A server's container: run it, replace it, look at it."""

from __future__ import annotations

from shares_core.app.lifecycle.audit import remove_container
from shares_core.domain.errors import BackendFailure, SharesError
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.views import RunState
from shares_core.ports import Ports


def run_state(server: ShareServer, actual: RunState) -> RunState:
    """A server's state, derived from its container's.

    Stopping removes the container, which holds nothing of its own.
    """
    stopped = actual is RunState.ABSENT and server.desired is DesiredState.STOPPED
    return RunState.STOPPED if stopped else actual


def is_running(ports: Ports, server: ShareServer) -> bool:
    return ports.runtime.inspect(server.id).state is RunState.RUNNING


def is_outdated(ports: Ports, server: ShareServer) -> bool:
    """Whether the server's container would now be made differently."""
    return bool(ports.runtime.outdated({server.id: server.uid}))


def ensure_running(ports: Ports, server: ShareServer) -> None:
    """Complete the running container; if it was just ending, replace it. Idempotent."""
    try:
        run_container(ports, server)
    except BackendFailure:
        if is_running(ports, server):
            raise
        replace_container(ports, server)


def replace_container(ports: Ports, server: ShareServer) -> float:
    """Run the server in a new container of the current image. Returns how many seconds it was away.

    If the server had a container of another image and the new one does not get ready, it goes back to the
    former image, and the error is still raised.
    """
    former = ports.runtime.inspect(server.id).image if is_outdated(ports, server) else ""
    began = ports.clock.elapsed()
    remove_container(ports, server)
    try:
        run_container(ports, server)
    except BaseException as error:  # also after an interruption: nobody else knows the former image
        if former:
            _go_back(ports, server, former, error)
        raise
    return ports.clock.elapsed() - began


def _go_back(ports: Ports, server: ShareServer, former: str, error: BaseException) -> None:
    """Run the server in its former image, and note the outcome on the error."""
    try:
        remove_container(ports, server)
        run_container(ports, server, former)
    except SharesError as failure:
        error.add_note(f"going back to the former image failed too: {failure}")
    else:
        error.add_note(f"server {server.name} is back on its former image: {former}")


def run_container(ports: Ports, server: ShareServer, image: str = "") -> None:
    """Ensure that the server's container exists, is started, attached to its networks and ready."""
    ports.runtime.ensure(server.id, server.uid, image)
    state = ports.runtime.start(server.id)
    for index, interface in enumerate(server.interfaces):
        ports.network.plug(server.id, interface, index, state.namespace)
    ports.runtime.wait_ready(server.id)
