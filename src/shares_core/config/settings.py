"""The settings of an installation, as values."""

from __future__ import annotations

import os
from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, Self

from attrs import converters, evolve, field, frozen
from attrs.validators import optional

from shares_core.config.checks import (
    absolute,
    as_path,
    at_least,
    between,
    enough_memory,
    enough_room,
    one_word,
)
from shares_core.domain.addresses import BridgeName
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.checks import must_be, require
from shares_core.domain.errors import InvalidInput
from shares_core.domain.network import DefaultNetwork
from shares_core.domain.pools import PoolKind, ThinPoolName, VolumeGroupName, check_device_names
from shares_core.domain.volume import DEFAULT_POOL, PoolName

#: The machine's own settings, used unless others are named, at a shell and in Python alike.
MACHINE_SETTINGS = Path("/etc/shares-core.toml")

#: mkfs.xfs makes nothing smaller (since xfsprogs 5.19).
SMALLEST_IMAGE = Capacity(300 * MIB)
_NAME_HINT = "PoolName('fast') is one"


@frozen(kw_only=True)
class FilePool:
    """A pool whose volumes are files in ``dir``, with ``size`` for all of them together.

    The pool ``default`` is in ``pool`` in the state folder unless it names another folder. With
    ``overprovision`` shares may be promised more than ``size``: if the disk fills up, writes fail in shares
    that are not full themselves. With ``xfs_image`` the pool makes itself an xfs in a file of that size, in
    which its volumes can share blocks; that is for new pools.
    """

    kind: ClassVar[PoolKind] = PoolKind.FILES

    name: PoolName = field(default=DEFAULT_POOL, validator=must_be(PoolName, "name", hint=_NAME_HINT))
    dir: Path | None = field(
        default=None,
        converter=converters.optional(as_path),
        validator=optional(absolute),
        metadata={"example": "/srv/pool"},
    )
    size: Capacity = field(
        default=Capacity(100 * GIB),
        validator=must_be(Capacity, "size", hint="Capacity.parse('100GiB') reads a size"),
        metadata={"example": "500GiB"},
    )
    overprovision: bool = field(
        default=False, validator=must_be(bool, "overprovision", hint="give True or False")
    )
    xfs_image: bool = field(default=False, validator=must_be(bool, "xfs_image", hint="give True or False"))

    def __attrs_post_init__(self) -> None:
        if self.xfs_image and self.overprovision:
            raise InvalidInput(
                "an xfs image cannot promise more than it has: all of it is reserved",
                hint="leave one of xfs_image and overprovision out",
            )
        if self.xfs_image and self.size < SMALLEST_IMAGE:
            raise InvalidInput(
                f"an xfs image has at least {SMALLEST_IMAGE}, not {self.size}", hint="give a larger size"
            )

    @property
    def folder(self) -> Path:
        """Its folder, once it is in a HostConfig."""
        if self.dir is None:
            raise InvalidInput(
                f"the pool {self.name} names no folder", hint='name one, like dir = "/srv/pool"'
            )
        return self.dir

    def overlaps(self, other: PoolSettings) -> bool:
        """Whether each of the two would take the other's volumes for its own."""
        if not isinstance(other, FilePool):
            return False
        return self.folder.is_relative_to(other.folder) or other.folder.is_relative_to(self.folder)

    def placed_in(self, state_dir: Path) -> FilePool:
        """The pool with its folder. Raises InvalidInput if it names none and is not the default pool."""
        if self.dir is None and self.name == DEFAULT_POOL:
            return evolve(self, dir=state_dir / "pool")
        return evolve(self, dir=self.folder)


@frozen(kw_only=True)
class LvmPool:
    """A pool of logical volumes in ``volume_group``.

    They are thick, or come from ``thin_pool`` if that is named; with ``overprovision`` it may promise more
    than it has. ``wipe_deleted`` overwrites a thick volume when it is removed.
    """

    kind: ClassVar[PoolKind] = PoolKind.LVM

    name: PoolName = field(default=DEFAULT_POOL, validator=must_be(PoolName, "name", hint=_NAME_HINT))
    volume_group: VolumeGroupName = field(
        default=VolumeGroupName("manila_docker_volumes"),
        validator=must_be(VolumeGroupName, "volume_group", hint="give a VolumeGroupName"),
    )
    thin_pool: ThinPoolName | None = field(
        default=None,
        validator=optional(must_be(ThinPoolName, "thin_pool", hint="give a ThinPoolName")),
        metadata={"example": "shares"},
    )
    wipe_deleted: bool = field(
        default=True, validator=must_be(bool, "wipe_deleted", hint="give True or False")
    )
    overprovision: bool = field(
        default=False, validator=must_be(bool, "overprovision", hint="give True or False")
    )

    def __attrs_post_init__(self) -> None:
        check_device_names(self.volume_group, self.thin_pool)
        if self.overprovision and self.thin_pool is None:
            raise InvalidInput(
                "thick logical volumes cannot promise more than the volume group has",
                hint="name a thin pool ([pool] thin_pool), or leave overprovision out",
            )

    def overlaps(self, other: PoolSettings) -> bool:
        """Whether the two take their volumes from the same extents or blocks."""
        if not isinstance(other, LvmPool):
            return False
        return (self.volume_group, self.thin_pool) == (other.volume_group, other.thin_pool)

    def placed_in(self, _: Path) -> LvmPool:
        return self


PoolSettings = FilePool | LvmPool


@frozen(kw_only=True)
class DockerSettings:
    """Which Docker to use: by default the one that the environment names, as for the ``docker`` command."""

    url: str | None = field(
        default=None,
        validator=optional(one_word("unix:///run/docker.sock")),
        metadata={"example": "unix:///run/docker.sock"},
    )
    image: str = field(default="shares-core-samba", validator=one_word("shares-core-samba"))


@frozen(kw_only=True)
class ServerSettings:
    """The limits of each share server."""

    memory: Capacity = field(default=Capacity(1 * GIB), validator=enough_memory, metadata={"example": "1GiB"})
    processes: int = field(default=1024, validator=at_least(64))


@frozen(kw_only=True)
class AuditSettings:
    """How much of the audit trails is kept: ``days``, each of which has up to ``size`` for a share."""

    days: int = field(default=90, validator=between(1, 36500))
    size: Capacity = field(default=Capacity(16 * MIB), validator=enough_room, metadata={"example": "16MiB"})


def _some_pools(_: object, __: object, pools: Any) -> None:
    hint = "FilePool(...) is one, LvmPool(...) another"
    require(pools, tuple, "pools", hint=f"give a tuple of them: {hint}")
    for pool in pools:
        require(pool, PoolSettings, "a pool", hint=hint)
    if not pools:
        raise InvalidInput("an installation has one pool at least", hint=hint)


def _placed(pools: tuple[PoolSettings, ...], state_dir: Path) -> tuple[PoolSettings, ...]:
    """The pools in their order, each with its place. Raises InvalidInput if two have the same place."""
    placed = tuple(pool.placed_in(state_dir) for pool in pools)
    for first, second in combinations(placed, 2):
        if first.name.key == second.name.key:
            raise InvalidInput(
                f"two pools are named {second.name}; names that differ only in case are the same",
                hint="give each [[pool]] a name of its own",
            )
        if first.overlaps(second):
            raise InvalidInput(
                f"the pools {first.name} and {second.name} are in the same place",
                hint="give each a folder, or a volume group or thin pool, of its own",
            )
    return placed


@frozen
class HostConfig:
    """One installation's settings; every one has a default that works.

    ``pools`` say where volumes come from; a share is in the pool ``default`` unless its caller names another.
    ``lock_timeout`` (seconds) bounds how long a caller waits for another.
    """

    state_dir: Path = field(
        default=Path("/var/lib/shares-core"),
        converter=as_path,
        validator=absolute,
        metadata={"example": "/var/lib/shares-core"},
    )
    lock_timeout: int = field(default=120, validator=at_least(0))
    pools: tuple[PoolSettings, ...] = field(default=(FilePool(),), validator=_some_pools)
    network: DefaultNetwork = field(
        default=DefaultNetwork(BridgeName("shares0"), IPv4Network("10.254.0.0/24")),
        validator=must_be(DefaultNetwork, "network", hint="HostConfig.load reads one from a file"),
    )
    docker: DockerSettings = field(
        default=DockerSettings(), validator=must_be(DockerSettings, "docker", hint="give DockerSettings")
    )
    server: ServerSettings = field(
        default=ServerSettings(), validator=must_be(ServerSettings, "server", hint="give ServerSettings")
    )
    audit: AuditSettings = field(
        default=AuditSettings(), validator=must_be(AuditSettings, "audit", hint="give AuditSettings")
    )

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "pools", _placed(self.pools, self.state_dir))

    def pool(self, name: PoolName = DEFAULT_POOL) -> PoolSettings:
        """The pool of that name. Raises InvalidInput."""
        found = next((pool for pool in self.pools if pool.name == name), None)
        if found is None:
            raise InvalidInput(
                f"there is no pool {name} in the configuration",
                hint=f"it has {', '.join(str(pool.name) for pool in self.pools)}",
            )
        return found

    def with_pool(self, pool: PoolSettings) -> HostConfig:
        """The configuration with this pool added, or in place of the pool of the same name."""
        by_name = {other.name: other for other in self.pools}
        return evolve(self, pools=tuple((by_name | {pool.name: pool}).values()))

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        state_dir: str | Path | None = None,
        machine_settings: Path | None = None,
    ) -> Self:
        """Read the settings from a TOML file; ``state_dir`` wins over what it says.

        Without ``path`` it reads the machine's own file, if it exists: ``machine_settings``, which is
        ``MACHINE_SETTINGS`` except in tests.

        ::

            state_dir = "/var/lib/shares-core"
            lock_timeout = 120
            [pool]                                          # or several: [[pool]], each with
            name = "default"                                # a name of its own
            dir = "/srv/pool"        size = "500GiB"        overprovision = false
            xfs_image = false                               # so that it can have snapshots on an ext4
                                                    # or:
            kind = "lvm"             volume_group = "vg0"   thin_pool = "pool"
            wipe_deleted = true                             # thick volumes
            [network]
            bridge = "shares0"       subnet = "10.254.0.0/24"        mtu = 1500
            [docker]
            url = "unix:///run/docker.sock"    image = "shares-core-samba"
            [server]
            memory = "1GiB"          processes = 1024
            [audit]
            days = 90                size = "16MiB"         # for each share and day

        Raises InvalidInput for a file that cannot be read, an unknown key or a wrong value.
        """
        if path is None:
            own = machine_settings or MACHINE_SETTINGS
            path = own if own.exists() else None
        else:
            require(path, str | Path, "the path of a configuration", hint="give it as text or a Path")
        given: dict[str, Any] = {}
        if state_dir is not None:
            given["state_dir"] = Path(os.path.abspath(as_path(state_dir)))
        if path is None:
            return cls(**given)
        from shares_core.config.reading import read  # here, because importing the reader takes long

        return read(cls, Path(path), given)
