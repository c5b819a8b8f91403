"""What an operator can configure, in Python or in a TOML file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Self

from attrs import Factory, evolve, field, frozen
from attrs.validators import optional

from shares_core.domain.addresses import BridgeName
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.checks import must_be, require
from shares_core.domain.errors import InvalidInput
from shares_core.domain.network import DefaultNetwork
from shares_core.domain.pools import PoolKind, ThinPoolName, VolumeGroupName, check_device_names

#: The machine's own settings: they count wherever none are named, at a shell and in Python alike.
MACHINE_SETTINGS = Path("/etc/shares-core.toml")

_FOLDER = "give a path like /srv/shares"


def _path(value: str | Path) -> Path:
    require(value, str | Path, "the path of a folder", hint=_FOLDER)
    return Path(value)


def _absolute(_: object, attribute: Any, value: Any) -> None:
    name = attribute.name
    if not value.is_absolute() or ".." in value.parts:
        raise InvalidInput(f"{name} must be an absolute path without '..', not {str(value)!r}", hint=_FOLDER)
    # Paths end up in mount options and in the mount table, which quote nothing reliably.
    if any(char in str(value) for char in " \n\t\\,:\"'"):
        raise InvalidInput(
            f"{name} {str(value)!r} cannot hold quotes, commas, colons or white space", hint=_FOLDER
        )


def _at_least(smallest: int) -> Any:
    def check(_: object, attribute: Any, value: object) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
            raise InvalidInput(
                f"{attribute.name} must be a whole number of at least {smallest}, not {value!r}",
                hint=f"give {smallest} or more",
            )

    return check


def _one_word(example: str) -> Any:
    def check(_: object, attribute: Any, value: Any) -> None:
        hint = f"give one like {example}, or leave it out"
        require(value, str, attribute.name, hint=hint)
        if len(value.split()) != 1:
            raise InvalidInput(f"{attribute.name} cannot be empty or hold white space: {value!r}", hint=hint)

    return check


def _enough_memory(_: object, __: object, value: Any) -> None:
    require(value, Capacity, "memory", hint="Capacity.parse('1GiB') reads a size")
    if value.bytes < 64 * MIB:
        raise InvalidInput(
            f"a server needs at least 64 MiB of memory, not {value}", hint="give 64MiB or more"
        )


_DEFAULT_NETWORK = DefaultNetwork(BridgeName("shares0"), IPv4Network("10.254.0.0/24"))


@frozen
class HostConfig:
    """One installation's settings; every one has a default that works.

    ``pool_kind`` says where volumes come from. Files lie in ``pool_dir``, by default ``pool`` in the state
    folder, and have ``pool_size`` together. Logical volumes are of ``volume_group``: thick ones, or those of
    its ``thin_pool`` where one is named; ``wipe_deleted`` overwrites a thick one that is removed.
    ``overprovision`` lets shares promise more than the files' disk or the thin pool holds: when that is full,
    writes fail inside shares that are not full themselves.
    ``docker_url`` defaults to what the environment says, as for the ``docker`` command. ``memory`` and
    ``processes`` bound each server, ``lock_timeout`` (seconds) how long a caller waits for another.
    """

    state_dir: Path = field(default=Path("/var/lib/shares-core"), converter=_path, validator=_absolute)
    pool_dir: Path = field(
        default=Factory(lambda self: self.state_dir / "pool", takes_self=True),
        converter=_path,
        validator=_absolute,
    )
    pool_size: Capacity = field(
        default=Capacity(100 * GIB),
        validator=must_be(Capacity, "pool_size", hint="Capacity.parse('100GiB') reads a size"),
    )
    pool_kind: PoolKind = field(
        default=PoolKind.FILES, validator=must_be(PoolKind, "pool_kind", hint="give a PoolKind")
    )
    volume_group: VolumeGroupName = field(
        default=VolumeGroupName("manila_docker_volumes"),
        validator=must_be(VolumeGroupName, "volume_group", hint="give a VolumeGroupName"),
    )
    thin_pool: ThinPoolName | None = field(
        default=None, validator=optional(must_be(ThinPoolName, "thin_pool", hint="give a ThinPoolName"))
    )
    wipe_deleted: bool = field(
        default=True, validator=must_be(bool, "wipe_deleted", hint="give True or False")
    )
    overprovision: bool = field(
        default=False, validator=must_be(bool, "overprovision", hint="give True or False")
    )
    network: DefaultNetwork = field(
        default=_DEFAULT_NETWORK,
        validator=must_be(DefaultNetwork, "network", hint="HostConfig.load reads one from a file"),
    )
    image: str = field(default="shares-core-samba", validator=_one_word("shares-core-samba"))
    docker_url: str | None = field(default=None, validator=optional(_one_word("unix:///run/docker.sock")))
    memory: Capacity = field(default=Capacity(1 * GIB), validator=_enough_memory)
    processes: int = field(default=1024, validator=_at_least(64))
    lock_timeout: int = field(default=120, validator=_at_least(0))

    def __attrs_post_init__(self) -> None:
        if self.pool_kind is PoolKind.LVM:
            check_device_names(self.volume_group, self.thin_pool)
            if self.overprovision and self.thin_pool is None:
                raise InvalidInput(
                    "thick logical volumes cannot promise more than the volume group has",
                    hint="name a thin pool ([pool] thin_pool), or leave overprovision out",
                )

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        state_dir: str | Path | None = None,
        machine_settings: Path | None = None,
    ) -> Self:
        """Read the settings from a TOML file; ``state_dir`` wins over what it says.

        Without ``path`` the machine's own file is read where it exists: ``machine_settings``, which is
        ``MACHINE_SETTINGS`` unless a test has another.

        ::

            state_dir = "/var/lib/shares-core"
            lock_timeout = 120
            [pool]
            dir = "/srv/pool"        size = "500GiB"        overprovision = false
                                                    # or:
            kind = "lvm"             volume_group = "vg0"   thin_pool = "pool"
            wipe_deleted = true                             # thick volumes
            [network]
            bridge = "shares0"       subnet = "10.254.0.0/24"        mtu = 1500
            [docker]
            url = "unix:///run/docker.sock"    image = "shares-core-samba"
            [server]
            memory = "1GiB"          processes = 1024

        Raises InvalidInput for a file that cannot be read, a key that is not known or a value that is wrong.
        """
        if path is None:
            own = machine_settings or MACHINE_SETTINGS
            values = _read(own) if own.exists() else {}
        else:
            require(path, str | Path, "the path of a configuration", hint="give it as text or a Path")
            values = _read(Path(path))
        if state_dir is not None:
            values["state_dir"] = Path(os.path.abspath(_path(state_dir)))
        return cls(**values)


def _subnet(text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is not an IPv4 network", hint="write 10.254.0.0/24") from None


def _pool_kind(text: str) -> PoolKind:
    try:
        return PoolKind(text)
    except ValueError:
        raise InvalidInput(
            f"{text!r} is no kind of pool", hint='write kind = "files" or kind = "lvm"'
        ) from None


#: Each key with the setting that it is, and an example, whose type is the key's.
_KEYS: Mapping[tuple[str, ...], tuple[str, str | int | bool]] = {
    ("state_dir",): ("state_dir", "/var/lib/shares-core"),
    ("lock_timeout",): ("lock_timeout", 120),
    ("pool", "dir"): ("pool_dir", "/srv/pool"),
    ("pool", "size"): ("pool_size", "500GiB"),
    ("pool", "overprovision"): ("overprovision", False),
    ("pool", "kind"): ("pool_kind", "lvm"),
    ("pool", "volume_group"): ("volume_group", "manila_docker_volumes"),
    ("pool", "thin_pool"): ("thin_pool", "shares"),
    ("pool", "wipe_deleted"): ("wipe_deleted", True),
    ("network", "bridge"): ("bridge", "shares0"),
    ("network", "subnet"): ("subnet", "10.254.0.0/24"),
    ("network", "mtu"): ("mtu", 1500),
    ("docker", "url"): ("docker_url", "unix:///run/docker.sock"),
    ("docker", "image"): ("image", "shares-core-samba"),
    ("server", "memory"): ("memory", "1GiB"),
    ("server", "processes"): ("processes", 1024),
}
_TYPES = {str: "text in quotes", int: "a whole number", bool: "true or false"}
_NETWORK = ("bridge", "subnet", "mtu")
#: What counts for pools of one kind only.
_OF_KIND: Mapping[PoolKind, tuple[str, ...]] = {
    PoolKind.FILES: ("pool_dir", "pool_size"),
    PoolKind.LVM: ("volume_group", "thin_pool", "wipe_deleted"),
}
#: How text becomes a setting that is none.
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "pool_size": Capacity.parse,
    "pool_kind": _pool_kind,
    "volume_group": VolumeGroupName,
    "thin_pool": ThinPoolName,
    "memory": Capacity.parse,
    "bridge": BridgeName,
    "subnet": _subnet,
}


def _read(path: Path) -> dict[str, Any]:
    """The file's settings, by HostConfig's names."""
    import tomllib  # here, so that `import shares_core` stays quick

    hint = "give the path of a TOML file that can be read"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"the configuration {path} cannot be read: {error.strerror}", hint=hint) from error
    except ValueError as error:  # bad TOML, and bytes that are no text
        raise InvalidInput(
            f"the configuration {path} is not TOML: {error}",
            hint='write lines like state_dir = "/srv/shares": text stands in quotes',
        ) from error
    values: dict[str, Any] = {}
    for key, value in _flatten(document):
        values |= _setting(path, key, value)
    _check_kind(path, values)
    network = evolve(_DEFAULT_NETWORK, **{name: values.pop(name) for name in _NETWORK if name in values})
    return values | {"network": network}


def _check_kind(path: Path, values: Mapping[str, Any]) -> None:
    """Raises InvalidInput for a setting that would count for nothing with this kind of pool."""
    kind = values.get("pool_kind", PoolKind.FILES)
    for other, names in _OF_KIND.items():
        idle = [dotted for dotted, (name, _) in _KEYS.items() if name in names and name in values]
        if other is not kind and idle:
            raise InvalidInput(
                f'{path}: {".".join(idle[0])} counts for nothing with [pool] kind = "{kind}"',
                hint=f'write kind = "{other}" in [pool], or leave it out',
            )


def _setting(path: Path, key: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The setting by its name. Raises InvalidInput, which names the file and the key."""
    dotted = ".".join(key)
    if key not in _KEYS:
        known = ", ".join(".".join(one) for one in _KEYS)
        raise InvalidInput(f"{path} has an unknown key: {dotted}", hint=f"the keys are {known}")
    name, example = _KEYS[key]
    if type(value) is not type(example):
        import json  # its text, numbers and truths are TOML's

        raise InvalidInput(
            f"{path}: {dotted} must be {_TYPES[type(example)]}, not {value!r}",
            hint=f"write {key[-1]} = {json.dumps(example)}",
        )
    try:
        setting: dict[str, Any] = {name: _READERS[name](value) if name in _READERS else value}
        # Each is checked by itself, while it is known which key it came from.
        if name in _NETWORK:
            evolve(_DEFAULT_NETWORK, **setting)
        else:
            HostConfig(**setting)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {dotted}: {error.message}", hint=error.hint) from error
    return setting


def _flatten(document: Mapping[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    flat: list[tuple[tuple[str, ...], Any]] = []
    for key, value in document.items():
        if isinstance(value, dict):
            flat += [((key, inner), inner_value) for inner, inner_value in value.items()]
        else:
            flat.append(((key,), value))
    return flat
