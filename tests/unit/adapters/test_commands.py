"""Running the host's commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shares_core.adapters.linux.commands import heard_by, run
from shares_core.adapters.linux.polling import wait_until
from shares_core.domain.errors import BackendFailure, CommandFailed, HostNotReady
from shares_core.domain.remedy import Packages, Remedy


def test_a_command_gives_its_output_and_gets_its_input() -> None:
    """Standard input goes in, standard output comes out."""
    assert "hello" == run(("cat",), stdin=b"hello")


def test_a_command_runs_in_the_c_locale_without_the_callers_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Output that is parsed does not depend on who calls."""
    monkeypatch.setenv("SOMETHING", "inherited")
    lines = run(("env",)).splitlines()
    assert "LC_ALL=C" in lines
    assert not [line for line in lines if line.startswith("SOMETHING")]


def test_the_error_of_a_failed_command_has_its_output() -> None:
    """The error holds the command, its status and its output."""
    with pytest.raises(CommandFailed, match=r"ls failed with status 2: .*No such file") as raised:
        run(("ls", "/nonexistent"))
    assert (("ls", "/nonexistent"), 2) == (raised.value.command, raised.value.status)


def test_a_command_that_hangs_is_ended() -> None:
    """After the timeout it is killed, and the error has no status."""
    with pytest.raises(CommandFailed, match="did not end in time") as raised:
        run(("sleep", "60"), timeout=0.05)
    assert raised.value.status is None


def test_a_command_that_is_not_installed_is_named_with_its_package() -> None:
    """The hint is the command that installs it."""
    with pytest.raises(HostNotReady, match="no-such-tool is not installed") as raised:
        run(("no-such-tool",))
    assert Remedy.of(Packages(("no-such-tool",))) == raised.value.remedy


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_ends_the_caller_waits_for_the_command(number: int, tmp_path: Path) -> None:
    """Killed in the middle, a resize2fs leaves a damaged file system."""
    code = (
        "import signal, sys\n"
        "from shares_core.adapters.linux.commands import run\n"
        "def end(*_): raise KeyboardInterrupt\n"
        f"signal.signal({int(number)}, end)\n"
        "print('ready', flush=True)\n"
        "run(('sh', '-c', 'touch began; until [ -e go ]; do sleep 0.01; done; touch ended'))\n"
    )
    argv = (sys.executable, "-c", code)
    with subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert wait_until(lambda: (tmp_path / "began").exists(), 30)
        for _ in range(3):
            process.send_signal(number)
        assert not wait_until(lambda: process.poll() is not None, 0.5)
        (tmp_path / "go").touch()
        _, stderr = process.communicate(timeout=30)
    assert (tmp_path / "ended").exists()
    assert b"KeyboardInterrupt" in stderr


def test_a_command_that_cannot_start_is_an_error_of_the_tree(tmp_path: Path) -> None:
    """Whatever prevents it."""
    with pytest.raises(BackendFailure, match="cannot be started"):
        run((str(tmp_path),))


def test_a_slow_condition_is_polled_as_often_as_asked() -> None:
    """The time may be over after the first look, and the condition may hold by then."""
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), 0, looks=3)
    answers = iter([False, False, True])
    assert not wait_until(lambda: next(answers), 0, looks=2)
    assert [True] == list(answers)
    assert not wait_until(lambda: False, 0)


@pytest.mark.parametrize("outlives", [True, False])
def test_a_killed_process_leaves_its_command_running_unless_told_otherwise(
    tmp_path: Path, outlives: bool
) -> None:
    """A resize2fs has to finish; a cut that waits for a lock must not come after its caller."""
    number, code = tmp_path / "number", "from shares_core.adapters.linux.commands import run; run"
    script = f"echo $$ >{number}.part; mv {number}.part {number}; exec sleep 60"
    argv = (sys.executable, "-c", f"{code}(('sh', '-c', {script!r}), outlives={outlives})")
    with subprocess.Popen(argv) as process:
        assert wait_until(number.exists, 30)
        process.kill()
    command = int(number.read_text())
    try:
        assert outlives is not wait_until(lambda: not lives(command), 0.5 if outlives else 30)
    finally:
        if lives(command):
            os.kill(command, signal.SIGKILL)


def test_a_command_that_outlives_its_caller_does_not_die_of_its_lost_output(tmp_path: Path) -> None:
    """Otherwise an e2fsck or a resize2fs would die in the middle of its work, and damage the file system."""
    code = (
        "from shares_core.adapters.linux.commands import heard_by, run\n"
        "with heard_by(print) as telling:\n"
        "    script = f'touch began; until [ -e go ]; do sleep 0.01; done; echo 1; echo 2 >&2; '\n"
        "    run(('bash', '-c', script + f'echo 3 >&{telling}; touch ended'), telling=telling)\n"
    )
    with subprocess.Popen((sys.executable, "-c", code), cwd=tmp_path) as process:
        assert wait_until(lambda: (tmp_path / "began").exists(), 30)
        process.kill()
    (tmp_path / "go").touch()
    assert wait_until(lambda: (tmp_path / "ended").exists(), 30)


def test_the_lines_of_a_command_are_passed_on_while_it_runs(tmp_path: Path) -> None:
    """Line by line, all of them before ``run`` returns; they are not part of the output."""
    heard: list[str] = []

    def listener(line: str) -> None:
        heard.append(line)
        (tmp_path / f"heard {line.strip()}").touch()

    waiting = f"until [ -e '{tmp_path}/heard first' ]; do sleep 0.01; done"
    with heard_by(listener) as telling:
        script = f"echo first >&{telling}; {waiting}; echo second >&{telling}; echo said"
        assert "said\n" == run(("bash", "-c", script), telling=telling)
    assert ["first\n", "second\n"] == heard


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_command_holds_its_device_open_from_the_start(tmp_path: Path) -> None:
    """Before it opens anything itself; other commands do not have it."""
    device = tmp_path / "device"
    device.touch()
    listed = ("sh", "-c", "readlink /proc/self/fd/* || true")
    assert str(device) in run(listed, holding=str(device)).splitlines()
    assert str(device) not in run(listed).splitlines()
    with pytest.raises(BackendFailure, match="No such file"):
        run(("true",), holding=str(tmp_path / "gone"))
