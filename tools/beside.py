"""A command that runs beside others: its output is kept, and printed as a whole when its turn comes."""

import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

#: How long it may clean up after an interrupt, and then after a SIGTERM.
INTERRUPT_SECONDS, TERMINATE_SECONDS = 60.0, 30.0
_POLL_SECONDS = 0.2


@frozen
class Beside:
    """A running command, and the file with its output."""

    process: subprocess.Popen[bytes]
    log: Path

    def finish(self, out: BinaryIO) -> int:
        """Print its output so far, and the rest until it ends. Returns its exit status."""
        with self.log.open("rb") as said:
            while True:
                ended = self.process.poll() is not None  # asked first, so that its last output is read below
                shutil.copyfileobj(said, out)
                out.flush()
                if ended:
                    return self.process.returncode
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(_POLL_SECONDS)


@contextmanager
def beside(command: Sequence[str], log: Path) -> Iterator[Beside]:
    """Run a command during the block; at the end of the block, end it if it still runs.

    A Ctrl-C in a terminal reaches it too: then it has time to clean up. If this process is killed, it gets a
    SIGTERM.
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
