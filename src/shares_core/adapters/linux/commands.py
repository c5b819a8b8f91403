"""Running the host's commands: tuples, never shell strings."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from shares_core.adapters.linux.flock import lock_within
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.linux.uninterrupted import to_its_end
from shares_core.domain.errors import BackendFailure, CommandFailed, HostNotReady
from shares_core.domain.remedy import HostTool, Packages, Remedy

#: The Debian packages of commands that may be missing.
_PACKAGES: Mapping[str, str] = {
    "blkid": "util-linux",
    "blockdev": "util-linux",
    "dmsetup": "dmsetup",
    "lvm": "lvm2",
    "lvcreate": "lvm2",
    "lvchange": "lvm2",
    "lvextend": "lvm2",
    "lvreduce": "lvm2",
    "lvremove": "lvm2",
    "lvs": "lvm2",
    "pvremove": "lvm2",
    "vgcreate": "lvm2",
    "vgextend": "lvm2",
    "vgreduce": "lvm2",
    "vgremove": "lvm2",
    "vgs": "lvm2",
    "losetup": "mount",
    "mount": "mount",
    "umount": "mount",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "mkfs.ext4": "e2fsprogs",
    "mke2fs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "resize2fs": "e2fsprogs",
    "tune2fs": "e2fsprogs",
    "dumpe2fs": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "xfs_growfs": "xfsprogs",
    "xfs_repair": "xfsprogs",
    "xfs_db": "xfsprogs",
    "nft": "nftables",
    "mmdebstrap": "mmdebstrap",
    "smbclient": "smbclient",
}
#: How long to wait for a device's lock. udev holds it for an instant, a killed caller's command until it
#: ends.
_AT_WORK_SECONDS = 5.0
_SYSTEM_PATHS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin")


def environment() -> dict[str, str]:
    """The environment of commands: the C locale, and a PATH with the system folders that root's may lack."""
    path = [folder for folder in os.environ.get("PATH", "").split(":") if folder.startswith("/")]
    return {"LC_ALL": "C", "PATH": ":".join(dict.fromkeys((*path, *_SYSTEM_PATHS))), "HOME": "/"}


def is_installed(program: str) -> bool:
    """Whether ``run`` would find a command of that name."""
    return shutil.which(program, path=environment()["PATH"]) is not None


def run(
    argv: tuple[str, ...],
    *,
    stdin: bytes = b"",
    timeout: float = 60.0,
    ok: tuple[int, ...] = (0,),
    holding: str = "",
    telling: int | None = None,
    outlives: bool = True,
) -> str:
    """Run a command to its end and return its standard output; pass secrets only in ``stdin``.

    An error from a signal handler is raised afterwards: killing a resize2fs damages the file system. For the
    same reason the command outlives this process if that is killed, unless ``outlives`` is False; its output
    is then lost, which does not end it. From its start it has the device or mount ``holding`` open, so that
    nobody can reuse the device's name or unmount it, and keeps the device's lock: nobody else runs a command
    on the device before it has ended. ``telling`` is a further descriptor that it may write to. Raises
    CommandFailed for an exit status not in ``ok`` and after ``timeout`` seconds, HostNotReady if the command
    is not installed, BackendFailure if it cannot start or another command is at work on the device.
    """
    try:
        with _open(holding) as held:
            command = argv if outlives else ("setpriv", "--pdeathsig", "KILL", *argv)
            inherited = held if telling is None else (*held, telling)
            done = to_its_end(
                lambda: subprocess.run(
                    command,
                    input=stdin,
                    capture_output=True,
                    timeout=timeout,
                    env=environment(),
                    check=False,
                    pass_fds=inherited,
                    start_new_session=True,  # Ctrl-C in a terminal is for us, not for the command
                    # SIGPIPE stays ignored, as in Python: it would kill e2fsck and resize2fs once nobody
                    # reads their output.
                    restore_signals=False,
                )
            )
    except FileNotFoundError as error:
        package = _PACKAGES.get(argv[0], argv[0])
        raise HostNotReady(f"{argv[0]} is not installed", hint=Remedy.of(Packages((package,)))) from error
    except (OSError, RuntimeError) as error:  # the latter if no thread can be started
        raise BackendFailure(
            f"{argv[0]} cannot be started: {error}", hint="see whether processes or memory are used up"
        ) from error
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"") + (error.stderr or b"")
        raise CommandFailed(argv, None, said.decode(errors="replace")) from error
    if done.returncode not in ok:
        said, printed = (done.stderr or done.stdout, done.stdout)
        raise CommandFailed(
            argv,
            done.returncode,
            said.decode(errors="replace"),
            printed=printed.decode(errors="replace"),
        )
    return done.stdout.decode(errors="replace")


@contextmanager
def _open(path: str) -> Iterator[tuple[int, ...]]:
    if not path:
        yield ()
        return
    with os_errors(f"opening {path}"):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if stat.S_ISBLK(os.fstat(descriptor).st_mode):
            _lock(descriptor, path)
        yield (descriptor,)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, device: str) -> None:
    """Lock the device while it is open here, or in a command that has inherited the descriptor.

    This also keeps udev off the device: https://systemd.io/BLOCK_DEVICE_LOCKING.
    """
    with os_errors(f"locking {device}"):
        if not lock_within(descriptor, _AT_WORK_SECONDS):
            raise BackendFailure(
                f"a command that an interrupted call began is still at work on {device}",
                hint=Remedy.of(HostTool("fuser", ("-v", device)), " shows it; try again when it has ended"),
            )


def require_idle(device: str) -> None:
    """Raise BackendFailure if a killed caller's command, with ``holding``, is still at work on the device."""
    with _open(device):
        pass


@contextmanager
def heard_by(listener: Callable[[str], None]) -> Iterator[int]:
    """A descriptor for ``telling``: passes each line that the command writes there to the listener."""
    reading, writing = os.pipe()

    def listen() -> None:
        with os.fdopen(reading, encoding="ascii", errors="replace") as lines:
            for line in lines:
                listener(line)

    listening = threading.Thread(target=listen, daemon=True)
    try:
        listening.start()
        yield writing
    finally:
        os.close(writing)
        if listening.ident is None:
            os.close(reading)
        else:
            listening.join()
