"""What revoke.sh sees of processes that come and go, tried on real ones."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shares_core.adapters.linux.polling import wait_until
from shares_core.adapters.samba.sessions import revoke_script

#: The script without what it does.
FUNCTIONS = revoke_script().text.partition("verb=$1")[0]
#: Takes its settings as Samba's tool does: opens them anew, and reads them to their end.
NET = """#!/bin/sh
if [ "$SLOW" = "$2" ]; then sleep 0.5; fi
settings=$(cat /dev/stdin) && [ "$settings" = '[global]' ] && echo "$settings $*"
"""


def bash(script: str, *arguments: str, **environment: str) -> str:
    argv = ("bash", "-c", FUNCTIONS + script, "revoke", *arguments)
    environment = {**os.environ, **environment}
    return subprocess.run(
        argv, check=True, capture_output=True, text=True, timeout=60, env=environment
    ).stdout


@pytest.fixture
def smbd(tmp_path: Path) -> Path:
    """A program of that name, which sleeps."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    return Path(shutil.copy(sleep, tmp_path / "smbd[10.0.0.7]"))


def test_a_process_that_ends_while_it_is_looked_at_spoils_nothing(smbd: Path) -> None:
    """What is read next is read from its own file, not from what was left of the process's lines."""
    clock = bash(
        'for _ in {1..200}; do "$1" 0.002 & pid=$!; true & true & true & true &'
        'while is_smbd "$pid"; do :; done; now; echo "$now"; wait; done',
        str(smbd),
    )
    assert [True] * 200 == [bool(re.fullmatch(r"[0-9]+", line)) for line in clock.splitlines()]


def test_an_smbd_is_known_by_its_name_until_it_has_ended(smbd: Path) -> None:
    """One that nobody has waited for yet has ended too."""
    look = 'if is_smbd "$1"; then echo lives; else echo gone; fi'
    with subprocess.Popen((smbd, "60")) as process:
        assert "lives\n" == bash(look, str(process.pid))
        process.kill()
        assert wait_until(lambda: "(zombie)" in Path(f"/proc/{process.pid}/status").read_text(), 60)
        assert "gone\n" == bash(look, str(process.pid))
    assert "gone\n" == bash(look, str(process.pid))
    assert "gone\n" == bash(look, str(os.getpid()))


def test_signals_are_passed_on_if_the_first_process_has_none_left() -> None:
    """It sleeps here as it does in a container, sooner or later."""
    assert "yes\n" == bash("until signals_passed_on; do sleep 0.01; done; echo yes")


@pytest.mark.parametrize("slow", ["status", "serverid", "neither"])
@pytest.mark.parametrize("look_after", [0.0, 0.5])
def test_looks_that_were_prepared_end_however_slowly_they_start(
    tmp_path: Path, slow: str, look_after: float
) -> None:
    net = tmp_path / "net"
    net.write_text(NET)
    net.chmod(0o755)
    looks = f"prepare_handles; prepare sessions; sleep {look_after}; look lines; forget /shares/files"
    said = bash(looks + '; echo "${lines[@]}"', PATH=f"{tmp_path}:{os.environ['PATH']}", SLOW=slow)
    assert said == "[global] --configfile=/dev/stdin status sessions parseable\n"
