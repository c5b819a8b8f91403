"""Named choices of options, for what people want: the one table of them."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from shares_core.domain.errors import InvalidInput
from shares_core.domain.options import RecycleBin, ShareOptions, TimeMachine
from shares_core.domain.protection import Dialect, Encryption, Protection


@frozen
class Preset:
    """What it is for, and what it sets on a share, on a server, or on either."""

    purpose: str
    share: ShareOptions | None = None
    server: Protection | None = None


PRESETS: Mapping[str, Preset] = {
    "default": Preset("files for people, closed as far as it can be", ShareOptions(), Protection()),
    "mac": Preset(
        "Macs, whose Finder deletes at once what is on a server", ShareOptions(recycle_bin=RecycleBin(30))
    ),
    "time-machine": Preset("the backups of Macs", ShareOptions(time_machine=TimeMachine())),
    "archive": Preset(
        "files that must not get lost unnoticed", ShareOptions(recycle_bin=RecycleBin(365), audit=True)
    ),
    "scanner": Preset(
        "devices that speak SMB 2.1 and cannot encrypt",
        server=Protection(Encryption.DESIRED, Dialect.SMB2_10),
    ),
}


def share_preset(name: str) -> ShareOptions:
    """The options that a preset sets on a share. Raises InvalidInput."""
    options = _preset(name).share
    if options is None:
        raise InvalidInput(
            f"{name} is a preset of servers, not of shares", hint="set it on the share's server"
        )
    return options


def server_preset(name: str) -> Protection:
    """What a preset makes a server demand of its clients. Raises InvalidInput."""
    protection = _preset(name).server
    if protection is None:
        raise InvalidInput(f"{name} is a preset of shares, not of servers", hint="set it on a share")
    return protection


def _preset(name: str) -> Preset:
    found = PRESETS.get(name)
    if found is None:
        raise InvalidInput(f"{name[:100]!a} is not a preset", hint=f"give one of {', '.join(PRESETS)}")
    return found
