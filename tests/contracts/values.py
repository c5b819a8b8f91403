"""Values for suites: servers, shares and volumes."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from attrs import evolve

from shares_core.domain.access import AccessRule
from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.names import ServerName, ShareName, UserName
from shares_core.domain.server import Account, ShareServer
from shares_core.domain.share import CifsShare, ShareStatus
from shares_core.domain.volume import (
    DEFAULT_POOL,
    DISK_OWNER,
    FileSystem,
    FileSystemKind,
    ShareVolume,
    VolumeRef,
    VolumeTraits,
)
from shares_core.ports.storage import VolumeOwner

UID = 2_000_000
OWNER = VolumeOwner("0" * 12, "5" * 12)
#: A volume that does not exist.
ABSENT = VolumeRef(DEFAULT_POOL, "0" * 12)


def new_filesystem(kind: FileSystemKind = FileSystemKind.EXT4) -> FileSystem:
    return FileSystem(kind, str(uuid4()))


def ref(volume_id: str) -> VolumeRef:
    return VolumeRef(DEFAULT_POOL, volume_id)


def new_share_volume(
    kind: FileSystemKind = FileSystemKind.EXT4,
    ref: VolumeRef = ABSENT,
    traits: VolumeTraits = VolumeTraits(),  # noqa: B008, it is frozen
) -> ShareVolume:
    """A share's volume, with a new file system."""
    return ShareVolume(ref, new_filesystem(kind), DISK_OWNER, traits)


def new_server(server_id: str, name: str = "tenant", *, users: Iterable[str] = ()) -> ShareServer:
    """A server without interfaces and shares."""
    accounts = tuple(Account(UserName(user), 10_000 + number) for number, user in enumerate(users))
    return ShareServer(server_id, ServerName(name), UID, (), accounts=accounts)


def new_share(share_id: str, volume_id: str, name: str = "files") -> CifsShare:
    """A ready share to which nobody has access."""
    volume = new_share_volume(ref=ref(volume_id))
    return CifsShare(share_id, ShareName(name), Capacity(32 * MIB), volume, ShareStatus.READY)


def with_rules(server: ShareServer, share: str, **levels: str) -> ShareServer:
    """The server with exactly these rules on the share: ``ada="rw"``."""
    rules = tuple(AccessRule.for_user(user, level) for user, level in levels.items())
    return server.with_share(evolve(server.share(share), rules=rules))
