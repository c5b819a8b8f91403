"""User namespaces for idmapped mounts: they say which owners a mount shows."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from attrs import field, frozen

from shares_core.adapters.linux.commands import environment
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.domain.errors import BackendFailure, HostNotReady
from shares_core.domain.remedy import HostTool, Packages, Remedy

_LIMIT = Path("/proc/sys/user/max_user_namespaces")
_SECONDS = 30.0
#: It gets its namespace before ``cat`` runs, so an answer from ``cat`` shows that it has one.
_HELPER = ("unshare", "--user", "cat")
_ASKED = b"\n"


@frozen
class IdMapping:
    """``on_disk`` and ``seen`` are the same user and group: in the files' inodes, and through the mount.

    Root is root in both, so that the host can work in a mapped mount: make the served folder, look into
    lost+found. Every other owner appears as nobody, and can make nothing there.
    """

    on_disk: int = field()
    seen: int

    @on_disk.validator
    def _check(self, _: object, value: int) -> None:
        if 0 in (value, self.seen):
            raise ValueError("root is mapped to itself")

    @property
    def changes(self) -> bool:
        """Whether a mount with it shows other owners than a mount without a mapping."""
        return self.on_disk != self.seen

    @property
    def table(self) -> str:
        """As /proc/PID/uid_map takes it: the id on disk, the id through the mount, how many."""
        return f"0 0 1\n{self.on_disk} {self.seen} 1\n"


def require_user_namespaces() -> None:
    """Raise HostNotReady if this kernel does not allow user namespaces. Takes microseconds.

    Whether one can be made now shows only when making one.
    """
    try:
        allowed = int(_LIMIT.read_text(encoding="ascii"))
    except FileNotFoundError as error:
        raise HostNotReady(
            "this kernel has no user namespaces, which idmapped mounts need",
            hint="boot a kernel of your distribution that has them",
        ) from error
    except (OSError, ValueError) as error:
        raise BackendFailure(f"reading {_LIMIT}: {error}") from error
    if allowed == 0:
        raise HostNotReady(
            "user.max_user_namespaces is 0: without a user namespace no share can be mounted",
            hint=Remedy.of(
                HostTool("sysctl", ("user.max_user_namespaces=1024",)),
                ", and the same setting in a file in /etc/sysctl.d",
            ),
        )


@contextmanager
def namespace(mapping: IdMapping) -> Iterator[Callable[[], int]]:
    """Yields a function that returns the descriptor of a user namespace with the mapping. Leaves nothing.

    A helper makes it, and starts at once, so that the caller can work meanwhile. The helper ends when its
    standard input is closed, however its caller ends; finished mounts keep the mapping. The function raises
    HostNotReady if no namespace can be made, and BackendFailure.
    """
    try:
        helper = subprocess.Popen(
            _HELPER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise HostNotReady("unshare is not installed", hint=Remedy.of(Packages(("util-linux",)))) from error
    except OSError as error:
        raise BackendFailure(f"{_HELPER[0]} cannot be started: {error}") from error
    descriptors: list[int] = []

    def give() -> int:
        _await(helper)
        with os_errors("mapping a mount's owners"):
            process = Path("/proc", str(helper.pid))
            for name in ("uid_map", "gid_map"):
                _write_at_once(process / name, mapping.table.encode())
            descriptors.append(os.open(process / "ns/user", os.O_RDONLY | os.O_CLOEXEC))
        return descriptors[-1]

    try:
        yield give
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
        helper.kill()
        with helper:  # closes its pipes and waits for it
            pass


def _await(helper: subprocess.Popen[bytes]) -> None:
    """Wait until the helper has its namespace."""
    asking, answering, complaining = cast(
        "tuple[IO[bytes], ...]", (helper.stdin, helper.stdout, helper.stderr)
    )
    with suppress(BrokenPipeError):  # it has ended, and said why
        os.write(asking.fileno(), _ASKED)
    waiting = select.poll()
    waiting.register(answering, select.POLLIN)
    if not waiting.poll(_SECONDS * 1000):
        raise BackendFailure(f"{_HELPER[0]} did not make a user namespace in {_SECONDS:.0f} seconds")
    if os.read(answering.fileno(), 1) != _ASKED:
        helper.kill()
        said = complaining.read().decode(errors="replace").strip()
        raise HostNotReady(
            f"no user namespace can be made: {said}",
            hint=Remedy.of(
                "see user.max_user_namespaces in ",
                HostTool("sysctl", ("-a",)),
                ", and what confines this process",
            ),
        )


def _write_at_once(path: Path, content: bytes) -> None:
    """Write the file at once, because the kernel takes it only in a single write."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
