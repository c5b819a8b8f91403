"""Errors of docker-py and the libraries below it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import urllib3
from docker import errors

from shares_core.adapters.containers.base_image import follow, received
from shares_core.adapters.containers.client import Docker
from shares_core.adapters.containers.errors import docker_errors
from shares_core.domain.errors import BackendFailure, Conflict, HostNotReady, SharesError


def _kinds() -> list[type[Exception]]:
    """The errors of docker-py and of the libraries that it uses."""
    return [
        kind
        for module, root in (
            (errors, errors.DockerException),
            (requests.exceptions, requests.RequestException),
            (urllib3.exceptions, urllib3.exceptions.HTTPError),
        )
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, root)
    ]


def _make(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)  # their constructors differ; what is raised is what counts
    said = {"explanation": "said", "response": None, "msg": "said", "stderr": b"", "command": "x"}
    error.__dict__.update(said, exit_status=1, length=b"", partial=0, expected=1)
    return error


@pytest.mark.parametrize("kind", _kinds(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_error_of_docker_py_and_below_is_translated(kind: type[Exception]) -> None:
    """None of them gets past the adapter, and each says what to do."""
    with pytest.raises(SharesError) as raised, docker_errors("trying"):
        raise _make(kind)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (requests.exceptions.ConnectionError("refused"), HostNotReady),
        (requests.exceptions.ReadTimeout("slow"), BackendFailure),
        (urllib3.exceptions.ReadTimeoutError(None, "", "slow"), BackendFailure),  # type: ignore[arg-type]
        (errors.ImageNotFound("no such image"), HostNotReady),
        (ConnectionRefusedError(111, "refused"), HostNotReady),
        (FileNotFoundError(2, "no socket"), HostNotReady),
        (PermissionError(13, "Permission denied"), HostNotReady),
        (ConnectionResetError(104, "reset"), BackendFailure),
        (BrokenPipeError(32, "broken"), BackendFailure),
        (TimeoutError("slow"), BackendFailure),
        (requests.exceptions.ChunkedEncodingError("broke off"), BackendFailure),
        (urllib3.exceptions.ProtocolError("broke off"), BackendFailure),
    ],
)
def test_what_kind_of_error_it_becomes(error: Exception, expected: type[SharesError]) -> None:
    """A missing Docker means that the host is not ready; a slow Docker has failed."""
    with pytest.raises(expected), docker_errors("trying"):
        raise error


def _answered(status: int) -> errors.APIError:
    response = requests.Response()
    response.status_code = status
    return errors.APIError("said", response=response, explanation="name in use, or not running")


def test_only_while_creating_can_a_409_mean_that_it_exists() -> None:
    """For a command in a container, Docker's 409 means that the container does not run."""
    with pytest.raises(Conflict), docker_errors("creating", creating=True):
        raise _answered(409)
    with pytest.raises(BackendFailure), docker_errors("creating", creating=True):
        raise _answered(500)
    with pytest.raises(BackendFailure), docker_errors("running a command"):
        raise _answered(409)


def test_an_error_that_is_not_dockers_passes() -> None:
    """Errors that have nothing to do with Docker are not translated."""
    with pytest.raises(ValueError, match="ours"), docker_errors("trying"):
        raise ValueError("ours")
    with pytest.raises(BackendFailure, match="first"), docker_errors("trying"):
        raise BackendFailure("first")


def test_an_error_of_a_streams_listener_is_not_dockers() -> None:
    """Only errors of the daemon's stream are the daemon's failure."""

    def broken(_: str) -> None:
        raise BrokenPipeError(32, "nobody reads")

    def breaking_off() -> Iterator[dict[str, Any]]:
        yield {"stream": "one"}
        raise requests.exceptions.ChunkedEncodingError("broke off")

    lines: list[str] = []
    with pytest.raises(BrokenPipeError):
        follow(received(iter([{"stream": "one"}]), "building"), broken, "failed", "")
    with pytest.raises(BackendFailure, match="building: the connection to Docker broke off"):
        follow(received(breaking_off(), "building"), lines.append, "failed", "")
    assert ["one"] == lines


def test_an_environment_that_docker_py_refuses_is_the_hosts_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it names missing certificates."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", "/nonexistent")
    with pytest.raises(HostNotReady):
        Docker().api.ping()
