"""The options of shares and servers on the command line: the same to ``create`` and to ``set``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from shares_core.domain.capacity import Capacity
from shares_core.domain.options import RecycleBin, ShareOptions, TimeMachine
from shares_core.domain.presets import PRESETS, share_preset
from shares_core.domain.protection import Protection

_Command = TypeVar("_Command", bound=Callable[..., Any])
#: What the command line gave for each option: None for nothing.
Given = dict[str, Any]


def preset_option(kind: str) -> Callable[[_Command], _Command]:
    """``--preset`` with the presets of a ``kind``, which is "share" or "server"."""
    names = "|".join(name for name, preset in PRESETS.items() if getattr(preset, kind) is not None)
    return click.option(
        "--preset", metavar=names, help="What it is for: sets every option; others that are given win."
    )


_OPTIONS = (
    preset_option("share"),
    click.option(
        "--time-machine/--no-time-machine",
        default=None,
        help="Offer it to Macs for the backups of Time Machine.",
    ),
    click.option(
        "--time-machine-limit",
        "--limit",
        metavar="SIZE",
        help="How much of it backups may take. Default: all of it.",
    ),
    click.option(
        "--recycle-bin",
        is_flag=False,
        flag_value=str(RecycleBin().days),
        metavar="[DAYS]",
        help=f"Keep deleted files, in the hidden folder .recycle, for {RecycleBin().days} days or as many as "
        "given. A full share gives up the oldest.",
    ),
    click.option("--no-recycle-bin", is_flag=True, help="Delete at once, and delete what is in the bin."),
    click.option(
        "--audit/--no-audit",
        default=None,
        help="Record who opened files for writing, renamed and deleted them: see 'share audit'.",
    ),
)


def share_options(command: _Command) -> _Command:
    """Give the command the options of a share; it passes what it is given to ``read``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read(given: Given) -> tuple[ShareOptions | None, Given]:
    """The preset's options, None without one, and what was given besides, as ``Shares.set`` takes it.

    Raises UsageError and InvalidInput.
    """
    limit, days = given["time_machine_limit"], given["recycle_bin"]
    if limit is not None and not given["time_machine"]:
        raise click.UsageError("--time-machine-limit is for the backups of --time-machine")
    if days is not None and given["no_recycle_bin"]:
        raise click.UsageError("say --recycle-bin or --no-recycle-bin, not both")
    backups = TimeMachine(Capacity.parse(limit)) if limit is not None else given["time_machine"]
    kept = RecycleBin(_number(days)) if days is not None else False if given["no_recycle_bin"] else None
    changes = {"time_machine": backups, "recycle_bin": kept, "audit": given["audit"]}
    preset = given["preset"]
    return None if preset is None else share_preset(preset), {
        name: value for name, value in changes.items() if value is not None
    }


def _number(days: str) -> int:
    if not days.isdecimal() or not days.isascii():
        raise click.UsageError(f"--recycle-bin takes a number of days, not {days!r}")
    return int(days[:9])


def of_server(demanded: Protection) -> str:
    """What differs from the default, as it is given on the command line; empty if nothing does."""
    return " ".join(f"--{name.replace('_', '-')} {getattr(demanded, name)}" for name in demanded.differing)


def of_share(options: ShareOptions) -> str:
    """The same for a share."""
    words = []
    if options.time_machine is not None:
        words.append("--time-machine")
    if options.backup_limit is not None:
        words.append("--time-machine-limit " + str(options.backup_limit).replace(" ", ""))
    if options.recycle_bin is not None:
        words.append(f"--recycle-bin {options.recycle_bin.days}")
    if options.audit:
        words.append("--audit")
    return " ".join(words)
