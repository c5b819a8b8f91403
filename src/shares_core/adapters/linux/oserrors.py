"""Translating the operating system's errors, once."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from shares_core.domain.errors import BackendFailure, HostNotReady, NoCapacity


@contextmanager
def os_errors(doing: str) -> Iterator[None]:
    """Raise HostNotReady, NoCapacity or BackendFailure for an OSError of the body."""
    try:
        yield
    except PermissionError as error:
        raise HostNotReady(f"{doing}: {error}", hint="run it as root") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoCapacity(f"{doing}: no space left on the host's disk") from error
        raise BackendFailure(f"{doing}: {error}") from error
