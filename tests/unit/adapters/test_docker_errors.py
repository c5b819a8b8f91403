"""Errors of docker-py and what lies under it."""

from __future__ import annotations

import inspect

import pytest
import requests
import urllib3
from docker import errors

from shares_core.adapters.docker.errors import docker_errors
from shares_core.domain.errors import BackendFailure, Conflict, HostNotReady, SharesError


def _of_docker_py() -> list[type[Exception]]:
    kinds: list[type] = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    return [kind for kind in kinds if issubclass(kind, errors.DockerException)]


def _make(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)  # their constructors differ; what is raised is what counts
    error.__dict__.update(
        explanation="said", response=None, msg="said", stderr=b"", command="x", exit_status=1
    )
    return error


@pytest.mark.parametrize("kind", _of_docker_py(), ids=lambda kind: kind.__name__)
def test_every_error_of_docker_py_is_translated(kind: type[Exception]) -> None:
    """Nothing of docker-py gets past the adapter."""
    with pytest.raises(SharesError), docker_errors("trying"):
        raise _make(kind)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (requests.exceptions.ConnectionError("refused"), HostNotReady),
        (requests.exceptions.ReadTimeout("slow"), BackendFailure),
        (urllib3.exceptions.ReadTimeoutError(None, "", "slow"), BackendFailure),  # type: ignore[arg-type]
        (errors.ImageNotFound("no such image"), HostNotReady),
    ],
)
def test_what_kind_of_error_it_becomes(error: Exception, expected: type[SharesError]) -> None:
    """A Docker that is not there is the host's lack; one that is slow has failed."""
    with pytest.raises(expected), docker_errors("trying"):
        raise error


def test_a_conflict_stays_one() -> None:
    """HTTP's 409 is a conflict."""
    response = requests.Response()
    response.status_code = 409
    with pytest.raises(Conflict), docker_errors("trying"):
        raise errors.APIError("name in use", response=response, explanation="name in use")
