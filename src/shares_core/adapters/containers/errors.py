"""Translating docker-py's errors, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shares_core.domain.errors import BackendFailure, Conflict, HostNotReady, SharesError
from shares_core.domain.remedy import Call, HostTool, Packages, Remedy, UseCase

if TYPE_CHECKING:
    from docker.errors import APIError

#: The kernel's errors if nobody listens, or not to us.
_NOT_THERE = (ConnectionRefusedError, FileNotFoundError, PermissionError)


@contextmanager
def docker_errors(doing: str, url: str = "", *, creating: bool = False) -> Iterator[None]:
    """Raise HostNotReady, BackendFailure or Conflict for what docker-py and its libraries raise.

    ``url`` is Docker's address, if the configuration has one. Docker's 409 becomes a Conflict only while
    something is being created, when it means that this already exists.
    """
    import requests
    import urllib3
    from docker import errors

    doing = f"{doing} at {url}" if url else doing
    try:
        yield
    except errors.APIError as error:
        raise _refused(error, doing, creating=creating) from error
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError) as error:
        raise BackendFailure(
            f"{doing}: Docker did not answer in time", hint="see what keeps it busy, and call again"
        ) from error
    except (errors.DockerException, requests.exceptions.ConnectionError, *_NOT_THERE) as error:
        if "Permission denied" in repr(error):
            raise HostNotReady(f"{doing}: not permitted to talk to Docker", hint="run it as root") from error
        raise HostNotReady(f"{doing}: Docker does not answer", hint=_look_after(url)) from error
    except (OSError, urllib3.exceptions.HTTPError) as error:
        raise BackendFailure(
            f"{doing}: the connection to Docker broke off: {error}",
            hint="Docker was perhaps restarted: see that it runs, and call again",
        ) from error


def _refused(error: APIError, doing: str, *, creating: bool) -> SharesError:
    """The meaning of an error that Docker answered with."""
    from docker.errors import ImageNotFound

    said = str(error.explanation or error)
    if isinstance(error, ImageNotFound):
        return HostNotReady(f"{doing}: the image is missing", hint=Remedy.of(Call(UseCase.BUILD_IMAGE)))
    if creating and error.status_code == 409:
        return Conflict(f"{doing}: {said}", hint="see what has that name, and call again")
    return BackendFailure(
        f"{doing}: Docker says: {said}", hint=Remedy.of(Call(UseCase.EXAMINE), " may tell why")
    )


def _look_after(url: str) -> Remedy:
    if url:
        return Remedy.of("correct [docker] url in the configuration, or start the Docker that it names")
    start, install = HostTool("systemctl", ("start", "docker")), Packages(("docker.io",))
    return Remedy.of("start it (", start, "), or install it (", install, ")")
