"""The output of a command beside another suite is printed as a whole, and it ends with its parent."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tools.beside import beside
from tools.totals import total

ROOT = Path(__file__).parents[3]
_SECONDS = 30.0
#: Prints a line at a SIGTERM, and then takes a moment, as for cleaning up.
CLEANING_UP = """
trap 'echo interrupted; sleep 0.3; echo clean; exit 7' INT
trap 'echo terminated; exit 8' TERM
echo begun
while :; do sleep 0.05; done
"""


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "log"


@pytest.mark.parametrize("status", [0, 3])
def test_all_output_is_printed_with_the_status(log: Path, status: int) -> None:
    """From before its turn and after, also on standard error."""
    script = f"echo early; echo error >&2; sleep 0.5; printf late; exit {status}"
    out = io.BytesIO()
    with beside(("sh", "-c", script), log) as running:
        assert until(lambda: b"error" in log.read_bytes())
        assert status == running.finish(out)
    assert b"early\nerror\nlate" == out.getvalue() == log.read_bytes()


def test_nothing_is_printed_before_its_turn(log: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """It would be in the middle of other output."""
    with beside(("echo", "early"), log):
        assert until(lambda: b"early\n" == log.read_bytes())
    assert (b"", b"") == tuple(capfdbinary.readouterr())


def test_a_running_command_is_ended_with_the_block(log: Path) -> None:
    """For example, if the other suite could not be set up."""
    with suppress(RuntimeError), beside(("sh", "-c", CLEANING_UP), log) as running:
        assert until(lambda: b"begun\n" == log.read_bytes())
        raise RuntimeError
    assert (8, b"begun\nterminated\n") == (running.process.returncode, log.read_bytes())


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Tests in the background have SIGINT ignored, and so have their children."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_leaves_it_time_to_clean_up(log: Path) -> None:
    """A terminal interrupts both: it gets no SIGTERM while it cleans up."""
    with suppress(KeyboardInterrupt), beside(("sh", "-c", CLEANING_UP), log) as running:
        assert until(lambda: b"begun\n" == log.read_bytes())
        running.process.send_signal(signal.SIGINT)
        raise KeyboardInterrupt
    assert (7, b"begun\ninterrupted\nclean\n") == (running.process.returncode, log.read_bytes())


def test_a_command_is_ended_if_its_parent_is_killed(log: Path) -> None:
    """A CI kills after its time limit, and a guest would go on for many minutes."""
    code = (
        "import sys; from pathlib import Path; from tools.beside import beside\n"
        "with beside(('sh', '-c', sys.argv[1]), Path(sys.argv[2])): sys.stdin.read()"
    )
    argv = (sys.executable, "-c", code, CLEANING_UP, str(log))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, cwd=ROOT) as parent:
        assert until(lambda: log.exists() and b"begun\n" == log.read_bytes())
        os.kill(parent.pid, signal.SIGKILL)
    assert until(lambda: b"begun\nterminated\n" == log.read_bytes())


# -- the total of several suites


def test_a_total_is_of_all_the_suites(tmp_path: Path) -> None:
    """A failed set-up fails its test; skipped tests have not passed, and are named if there are any."""
    head = (
        '<testsuites><testsuite name="pytest" errors="{}" failures="{}" skipped="{}" tests="{}" time="1.5">'
    )
    first, second = tmp_path / "a.xml", tmp_path / "b.xml"
    first.write_text(head.format(1, 2, 0, 10) + '<testcase name="[tests=&quot;9&quot;]" />')
    second.write_text(head.format(0, 0, 0, 5))
    assert "12 passed, 3 failed" == total([first, second, tmp_path / "broken off.xml"])
    second.write_text(head.format(0, 0, 4, 5))
    assert "8 passed, 3 failed, 4 skipped" == total([first, second])
