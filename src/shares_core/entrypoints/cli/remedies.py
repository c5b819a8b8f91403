"""Remedies as a shell's commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shares_core.domain.remedy import Action, Call, HostTool, Packages, Parameter, Remedy, UseCase
from shares_core.domain.views import PoolWarning, ServerView
from shares_core.entrypoints.cli.text import shell

COMMANDS: Mapping[UseCase, tuple[str, ...]] = {
    UseCase.SERVERS_LIST: ("server", "list"),
    UseCase.SERVERS_SHOW: ("server", "show"),
    UseCase.SERVERS_SET: ("server", "set"),
    UseCase.SERVERS_START: ("server", "start"),
    UseCase.SERVERS_STOP: ("server", "stop"),
    UseCase.SERVERS_UPGRADE: ("server", "upgrade"),
    UseCase.SHARES_LIST: ("share", "list"),
    UseCase.SHARES_SET: ("share", "set"),
    UseCase.SHARES_EXTEND: ("share", "extend"),
    UseCase.SHARES_CHECK: ("share", "check"),
    UseCase.SHARES_DELETE: ("share", "delete"),
    UseCase.SNAPSHOTS_EXPORT: ("snapshot", "export"),
    UseCase.SNAPSHOTS_UNEXPORT: ("snapshot", "unexport"),
    UseCase.USERS_LIST: ("user", "list"),
    UseCase.POOL_EXTEND: ("pool", "extend"),
    UseCase.POOL_SHOW: ("pool", "show"),
    UseCase.OPERATIONS_LIST: ("operation", "list"),
    UseCase.RECONCILE: ("reconcile",),
    UseCase.BUILD_IMAGE: ("image", "build"),
    UseCase.BUILD_POOL: ("pool", "create"),
    UseCase.EXAMINE: ("doctor",),
}
#: An option that can be given several times has the name of one.
_SINGULAR: Mapping[str, str] = {"addresses": "address", "host_addresses": "host_address"}


def option(parameter: str) -> str:
    """The option that a parameter is on the command line."""
    return "--" + _SINGULAR.get(parameter, parameter).replace("_", "-")


def plain(*words: str) -> str:
    """The command of ours with these words, on the installation that the machine's settings name."""
    return shell("shares-core", *words)


def worded(remedy: Remedy, command: Callable[..., str] = plain) -> str:
    """What a person at a shell reads. A command in a sentence is quoted, one that stands alone is not."""
    quote = "'" if len(remedy.parts) > 1 else ""
    return "".join(part if isinstance(part, str) else _said(part, command, quote) for part in remedy.parts)


def problem_of(view: ServerView, command: Callable[..., str] = plain) -> str:
    """What is wrong with a server, and what to do; empty if nothing is."""
    return "; ".join(filter(None, (view.problem, worded(view.remedy, command))))


def pool_warning(warning: PoolWarning) -> str:
    """What is about to go wrong in a pool, and what to do."""
    return f"{warning.problem}: {worded(warning.remedy)}"


def _said(action: Action, command: Callable[..., str], quote: str) -> str:
    match action:
        case Call(use_case, arguments, as_root):
            line = command(*COMMANDS[use_case], *arguments)
            return f"{quote}{'sudo ' if as_root else ''}{line}{quote}"
        case Parameter(name):
            return option(name)
        case HostTool(name, arguments, log):
            return f"{quote}{shell(name, *arguments)}{f' >{shell(log)} 2>&1 &' if log else ''}{quote}"
        case Packages(names):
            if has_apt():
                return f"{quote}{shell('apt-get', 'install', *names)}{quote}"
            return f"install from your distribution what Debian calls: {' '.join(names)}"


def has_apt() -> bool:
    """Whether this host's packages are Debian's."""
    from shares_core.adapters.linux.commands import is_installed

    return is_installed("apt-get")
