"""What an operator can configure, in Python or in a TOML file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Self

from attrs import Factory, evolve, field, frozen

from shares_core.domain.addresses import BridgeName
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.errors import InvalidInput
from shares_core.domain.network import DefaultNetwork


def _absolute(_: object, attribute: Any, value: object) -> None:
    if not isinstance(value, Path) or not value.is_absolute() or ".." in value.parts:
        raise InvalidInput(f"{attribute.name} must be an absolute path without '..', not {str(value)!r}")
    # Paths end up in mount options and in the mount table, which quote nothing reliably.
    if any(char in str(value) for char in " \n\t\\,:\"'"):
        raise InvalidInput(
            f"{attribute.name} {str(value)!r} cannot hold quotes, commas, colons or white space"
        )


def _at_least(smallest: int) -> Any:
    def check(_: object, attribute: Any, value: object) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
            raise InvalidInput(
                f"{attribute.name} must be a whole number of at least {smallest}, not {value!r}"
            )

    return check


_DEFAULT_NETWORK = DefaultNetwork(BridgeName("shares0"), IPv4Network("10.254.0.0/24"))


@frozen
class HostConfig:
    """One installation's settings; every one has a default that works.

    ``pool_dir`` defaults to ``pool`` in the state folder. ``overprovision`` lets shares promise more than
    the pool holds: when its disk is full, writes then fail inside shares that are not full themselves.
    ``docker_url`` defaults to what the environment says, as for the ``docker`` command. ``memory`` and
    ``processes`` bound each server, ``lock_timeout`` (seconds) how long a caller waits for another.
    """

    state_dir: Path = field(default=Path("/var/lib/shares-core"), converter=Path, validator=_absolute)
    pool_dir: Path = field(
        default=Factory(lambda self: self.state_dir / "pool", takes_self=True),
        converter=Path,
        validator=_absolute,
    )
    pool_size: Capacity = Capacity(100 * GIB)
    overprovision: bool = False
    network: DefaultNetwork = _DEFAULT_NETWORK
    image: str = "shares-core-samba"
    docker_url: str | None = None
    memory: Capacity = Capacity(1 * GIB)
    processes: int = field(default=1024, validator=_at_least(64))
    lock_timeout: int = field(default=120, validator=_at_least(0))

    def __attrs_post_init__(self) -> None:
        if self.memory.bytes < 64 * MIB:
            raise InvalidInput(f"a server needs at least 64 MiB of memory, not {self.memory}")

    @classmethod
    def load(cls, path: Path | None = None, *, state_dir: Path | None = None) -> Self:
        """Read a TOML file, if one is named; ``state_dir`` wins over what it says.

        ::

            state_dir = "/var/lib/shares-core"
            lock_timeout = 120
            [pool]
            dir = "/srv/pool"        size = "500GiB"        overprovision = false
            [network]
            bridge = "shares0"       subnet = "10.254.0.0/24"        mtu = 1500
            [docker]
            url = "unix:///run/docker.sock"    image = "shares-core-samba"
            [server]
            memory = "1GiB"          processes = 1024

        Raises InvalidInput for a file that cannot be read, a key that is not known or a value that is wrong.
        """
        values = _read(path) if path is not None else {}
        if state_dir is not None:
            values["state_dir"] = Path(os.path.abspath(state_dir))
        return cls(**values)


_KEYS: Mapping[tuple[str, ...], tuple[str, type]] = {
    ("state_dir",): ("state_dir", str),
    ("lock_timeout",): ("lock_timeout", int),
    ("pool", "dir"): ("pool_dir", str),
    ("pool", "size"): ("pool_size", str),
    ("pool", "overprovision"): ("overprovision", bool),
    ("network", "bridge"): ("bridge", str),
    ("network", "subnet"): ("subnet", str),
    ("network", "mtu"): ("mtu", int),
    ("docker", "url"): ("docker_url", str),
    ("docker", "image"): ("image", str),
    ("server", "memory"): ("memory", str),
    ("server", "processes"): ("processes", int),
}


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # here, so that `import shares_core` stays quick

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"the configuration {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the configuration {path} is not TOML: {error}") from error
    values: dict[str, Any] = {}
    for key, value in _flatten(document):
        if key not in _KEYS:
            raise InvalidInput(f"{path} has an unknown key: {'.'.join(key)}")
        name, kind = _KEYS[key]
        if type(value) is not kind:
            raise InvalidInput(f"{path}: {'.'.join(key)} must be of type {kind.__name__}, not {value!r}")
        values[name] = value
    for name in ("pool_size", "memory"):
        if name in values:
            values[name] = Capacity.parse(values[name])
    return _with_network(values)


def _flatten(document: Mapping[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    flat: list[tuple[tuple[str, ...], Any]] = []
    for key, value in document.items():
        if isinstance(value, dict):
            flat += [((key, inner), inner_value) for inner, inner_value in value.items()]
        else:
            flat.append(((key,), value))
    return flat


def _with_network(values: dict[str, Any]) -> dict[str, Any]:
    network = _DEFAULT_NETWORK
    if "bridge" in values:
        network = evolve(network, bridge=BridgeName(values.pop("bridge")))
    if "subnet" in values:
        text = values.pop("subnet")
        try:
            network = evolve(network, subnet=IPv4Network(text))
        except ValueError:
            raise InvalidInput(
                f"network.subnet {text!r} is not an IPv4 network", hint="write 10.254.0.0/24"
            ) from None
    if "mtu" in values:
        network = evolve(network, mtu=values.pop("mtu"))
    return values | {"network": network}
