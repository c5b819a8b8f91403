"""A Docker daemon while the tests need it."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Protocol

import docker
from docker.errors import DockerException

RUN_DIR = Path("/run/shares-core-dev")
START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.1
_PROCESS = os.getpid()


class DaemonError(Exception):
    """No Docker daemon answers and none could be started; the message ends with its last output."""


@contextmanager
def docker_daemon(
    *,
    keep: bool = False,
    host: str | None = None,
    options: Sequence[str] = (),
    run_dir: Path = RUN_DIR,
) -> Iterator[None]:
    """Use the daemon that answers, or run one until the end of the block.

    Stops only a daemon that it started itself, and not while another run on this machine still uses it. A
    daemon that a killed run left simply answers the next time.

    :param keep: leave a daemon that was started here running, and print how to stop it.
    :param host: the daemon's address, as in `dockerd --host`; by default that of the environment.
    :param options: further options for `dockerd`.
    :param run_dir: where the started daemon's log and pid file go.
    :raises DaemonError: there is none and none could be started.
    """
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (run_dir / "lock").open("a") as lock, _signals(_pass_on, signal.SIGTERM, signal.SIGHUP):
        # Users of a daemon share the lock; its only holder may start or stop a daemon.
        fcntl.flock(lock, fcntl.LOCK_SH)
        started: _Daemon | None = None
        if not _answers(host):
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _answers(host):
                started = _start(host, options, run_dir)
            fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            yield
        finally:
            if started:
                _leave(started, lock, keep=keep)


class _Daemon(Protocol):
    """A daemon that was started here."""

    @property
    def stop_command(self) -> str: ...

    def running(self) -> bool: ...

    def stop(self) -> None: ...

    def last_words(self) -> str: ...


class _Unit:
    """The machine's own service, if systemd runs it."""

    stop_command = "systemctl stop docker.service docker.socket"

    def __init__(self) -> None:
        subprocess.run(("systemctl", "start", "docker.service"), check=False)

    @staticmethod
    def available() -> bool:
        if not Path("/run/systemd/system").is_dir():
            return False
        return subprocess.run(("systemctl", "cat", "docker.service"), capture_output=True).returncode == 0

    def running(self) -> bool:
        return subprocess.run(("systemctl", "is-active", "--quiet", "docker.service")).returncode == 0

    def stop(self) -> None:
        subprocess.run(self.stop_command.split(), check=True)

    def last_words(self) -> str:
        command = ("journalctl", "--unit=docker.service", "--lines=20", "--no-pager")
        return subprocess.run(command, capture_output=True, text=True).stdout


class _Process:
    """Our own `dockerd`, if nothing manages services."""

    def __init__(self, host: str | None, options: Sequence[str], run_dir: Path) -> None:
        self._log = run_dir / "dockerd.log"
        command = [
            "dockerd",
            # Share servers have no use for Docker's networks: leave the machine's firewall as it is.
            "--iptables=false",
            "--ip-masq=false",
            f"--pidfile={run_dir / 'dockerd.pid'}",
            *([f"--host={host}"] if host else []),
            *options,
        ]
        with self._log.open("wb") as log:
            # In its own session: a Ctrl-C is for the tests, which still need the daemon to clean up.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def stop_command(self) -> str:
        return f"kill {self._process.pid}"

    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # Its containerd dies with it, because dockerd sets SIGKILL as containerd's parent-death signal.
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])


def _start(host: str | None, options: Sequence[str], run_dir: Path) -> _Daemon:
    """Start a daemon and wait until it answers. If it does not, stop it again."""
    if not host and (chosen := os.environ.get("DOCKER_HOST")):
        raise DaemonError(f"DOCKER_HOST is {chosen}, and no daemon answers there")
    daemon: _Daemon
    if not host and _Unit.available():
        print("starting docker.service")
        daemon = _Unit()
    elif shutil.which("dockerd"):
        print(f"starting dockerd, log in {run_dir}")
        daemon = _Process(host, options, run_dir)
    else:
        raise DaemonError("no Docker daemon answers, and there is no dockerd to start: install Docker")
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(host):
            if not daemon.running() or time.monotonic() > deadline:
                raise DaemonError(f"dockerd did not come up:\n{daemon.last_words()}")
            time.sleep(POLL_SECONDS)
    except BaseException:
        daemon.stop()
        raise
    return daemon


def _leave(daemon: _Daemon, lock: IO[str], *, keep: bool) -> None:
    """Stop the daemon, unless it should be kept."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        keep = True
    if keep:
        print(f"dockerd is left running; to stop it: {daemon.stop_command}")
        return
    with _signals(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        daemon.stop()


def _answers(host: str | None) -> bool:
    try:
        with closing(docker.DockerClient(host, timeout=5) if host else docker.from_env(timeout=5)) as client:
            return bool(client.ping())
    except (DockerException, OSError):
        return False


def _pass_on(signum: int, frame: FrameType | None) -> None:
    """Make a signal to this process alone do what a Ctrl-C in a terminal does.

    A Ctrl-C reaches the whole foreground group, so that the command in the block cleans up as well, but not
    the daemon, which has its own session. A process forked in the block (pyroute2 forks, and ends the child
    with SIGTERM) just ends: it has nothing of its own to clean up.
    """
    if os.getpid() != _PROCESS:
        os._exit(128 + signum)
    for child in map(int, Path("/proc/thread-self/children").read_text().split()):
        if os.getsid(child) == os.getsid(0):
            os.kill(child, signal.SIGINT)
    raise KeyboardInterrupt


@contextmanager
def _signals(
    handler: Callable[[int, FrameType | None], None] | signal.Handlers, *signums: signal.Signals
) -> Iterator[None]:
    before = {signum: signal.signal(signum, handler) for signum in signums}
    try:
        yield
    finally:
        for signum, old in before.items():
            signal.signal(signum, old)
