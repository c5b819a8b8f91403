"""Translating docker-py's errors, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shares_core.domain.errors import BackendFailure, Conflict, HostNotReady


@contextmanager
def docker_errors(doing: str) -> Iterator[None]:
    """Raise HostNotReady, Conflict or BackendFailure for what docker-py raises in the body."""
    import requests
    import urllib3
    from docker import errors

    try:
        yield
    except errors.ImageNotFound as error:
        raise HostNotReady(f"{doing}: the image is missing", hint="shares-core image build") from error
    except errors.APIError as error:
        said = str(error.explanation or error)
        if error.status_code == 409:
            raise Conflict(f"{doing}: {said}") from error
        raise BackendFailure(
            f"{doing}: Docker says: {said}", hint="'shares-core doctor' may tell why"
        ) from error
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise BackendFailure(f"{doing}: Docker did not answer in time") from error
    except (errors.DockerException, requests.exceptions.ConnectionError) as error:
        if "Permission denied" in repr(error):
            raise HostNotReady(f"{doing}: not permitted to talk to Docker", hint="run it as root") from error
        raise HostNotReady(
            f"{doing}: Docker does not answer",
            hint="start it ('systemctl start docker'), or install it ('apt-get install docker.io')",
        ) from error
