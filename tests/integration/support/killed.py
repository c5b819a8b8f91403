"""A process that is killed in the middle of one call of a port.

Run as ``python -m tests.integration.support.killed``; reads a pickled job. It dies when it would call a
function for the nth time: ``os.rename:4``.
"""

from __future__ import annotations

import os
import pickle
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from shares_core import HostConfig, bootstrap

_REPOSITORY = Path(__file__).parents[3]
_SECONDS = 60


def killed_in(config: HostConfig, call: str, *arguments: object, where: str = "") -> None:
    """Let another process call a port's verb (``records.save``) and die at ``where``.

    Without ``where`` the verb is a lock, and the process dies once it holds it.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.support.killed"],
        input=pickle.dumps((config, call, arguments, where)),
        capture_output=True,
        timeout=_SECONDS,
        check=False,
        cwd=_REPOSITORY,
    )
    assert -signal.SIGKILL == done.returncode, (done.returncode, done.stderr.decode())


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(where: str) -> None:
    """Kill this process when it would call that function."""
    name, _, count = where.partition(":")
    holder_name, _, attribute = name.rpartition(".")
    holder: Any = pkgutil.resolve_name(holder_name)
    real: Callable[..., Any] = getattr(holder, attribute)
    left = int(count or 1)

    def deadly(*given: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            _die()
        return real(*given, **named)

    setattr(holder, attribute, deadly)


def main() -> None:
    """Do the job on standard input, and die in it."""
    config, call, arguments, where = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our parent
    port, verb = call.split(".")
    method = getattr(getattr(bootstrap.ports(config), port), verb)
    if where:
        arm(where)
        method(*arguments)
    else:
        with ExitStack() as held:
            held.enter_context(method(*arguments))
            _die()


if __name__ == "__main__":
    main()
