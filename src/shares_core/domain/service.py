"""What a service needs of its host, as data that is passed to containers and packet filters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from shares_core.domain.errors import InvalidInput

_PATH = re.compile(r"(/[A-Za-z0-9_.-]+)+", re.ASCII)


class ServerFolder(StrEnum):
    """The folders that the host keeps for each server."""

    CONFIG = "config"
    """What the service reads. Root alone writes it."""
    PRIVATE = "private"
    """The one folder that the service itself owns."""
    SHARES = "shares"
    """The mount points of the server's shares."""


@frozen
class TcpPort:
    """A TCP port on which a service answers. Raises InvalidInput for a number that is not a port's."""

    number: int = field()

    @number.validator
    def _check(self, _: object, value: Any) -> None:
        if not isinstance(value, int) or not 0 < value < 1 << 16:
            raise InvalidInput(f"{value!r} is not a TCP port", hint="give a number from 1 to 65535")

    def __str__(self) -> str:
        return f"{self.number}/tcp"


def _path(_: object, __: object, value: Any) -> None:
    if not isinstance(value, str) or _PATH.fullmatch(value) is None or ".." in value.split("/"):
        raise InvalidInput(f"{value!r} is not a path inside a container", hint="give one like /var/lib/name")


def _paths(instance: object, attribute: object, values: tuple[Any, ...]) -> None:
    for value in values:
        _path(instance, attribute, value)


@frozen
class FolderMount:
    """A server's folder as its container sees it, at the path ``target``.

    If it is ``live``, the container also sees later mounts of the host below the folder.
    """

    folder: ServerFolder
    target: str = field(validator=_path)
    read_only: bool = False
    live: bool = False


@frozen
class Identity:
    """The user and group of a service, on the host and inside. None stands for the server's own id."""

    user: int | None = None
    group: int | None = None

    def of(self, uid: int) -> tuple[int, int]:
        """The ids of the user and the group in a server whose own id is ``uid``."""
        return uid if self.user is None else self.user, uid if self.group is None else self.group


@frozen
class Capabilities:
    """The capabilities that a container drops, and those added to its runtime's defaults."""

    dropped: tuple[str, ...]
    added: tuple[str, ...] = ()


@frozen
class ServiceProfile:
    """One kind of service.

    ``process`` is its name in messages, ``image`` the recipe of its image, ``tmpfs`` the folders that it
    writes to and loses when it ends. It is ready when something listens on ``probe``, one of its ``ports``;
    clients reach only these ports. Raises InvalidInput if ``probe`` is not one of them.
    """

    process: str
    image: str
    ports: tuple[TcpPort, ...]
    probe: TcpPort = field()
    mounts: tuple[FolderMount, ...]
    identity: Identity
    capabilities: Capabilities
    sysctls: Mapping[str, str]
    tmpfs: tuple[str, ...] = field(validator=_paths)

    @probe.validator
    def _check(self, _: object, value: TcpPort) -> None:
        if value not in self.ports:
            raise InvalidInput(
                f"{self.process} is probed on {value}, which is not one of its ports",
                hint="name the port among its ports, or probe another one",
            )
