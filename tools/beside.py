"""A command that works beside others: what it says is kept, and told wholly when its turn comes."""

import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

#: How long it may clean up after an interrupt, and then after it was told to end.
INTERRUPT_SECONDS, TERMINATE_SECONDS = 60.0, 30.0
_POLL_SECONDS = 0.2


@frozen
class Beside:
    """A command under way, and the file that has what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def finish(self, out: BinaryIO) -> int:
        """Pass on all that it has said, and what it says until its end; gives its exit status."""
        with self.log.open("rb") as said:
            while True:
                ended = self.process.poll() is not None  # asked first: what it said last is read below
                shutil.copyfileobj(said, out)
                out.flush()
                if ended:
                    return self.process.returncode
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(_POLL_SECONDS)


@contextmanager
def beside(command: Sequence[str], log: Path) -> Iterator[Beside]:
    """Run a command until the end of the block, at which it is ended if it still runs.

    A Ctrl-C in a terminal is its own, too: then it has time to clean up. When this process is killed it is
    told to end.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            ("setpriv", "--pdeathsig", "TERM", *command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Beside(process, log)
    except KeyboardInterrupt:
        _wait(process, INTERRUPT_SECONDS)
        raise
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            _wait(process, TERMINATE_SECONDS)
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
