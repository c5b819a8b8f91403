"""A host where ``/`` is a shared mount, as it is on every one that systemd runs."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.shared_root import FIRST, SECOND, SHARE
from tests.testkit.leftovers import ROOT, remove_installation


@pytest.fixture
def state_dir() -> Iterator[Path]:
    folder = ROOT / f"run-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    yield folder
    remove_installation(folder)


def what_becomes_of(state_dir: Path, prepared: str) -> Any:
    program = (sys.executable, "-m", "tests.integration.support.shared_root", str(state_dir), prepared)
    apart = ("unshare", "--mount", "--propagation", "private", "--", *program)
    done = subprocess.run(apart, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("prepared", ["nothing", "bound"])
def test_what_is_mounted_for_a_server_is_mounted_once(state_dir: Path, prepared: str) -> None:
    """The servers' mount is no peer of the one above it, also where an ensure was killed after its bind."""
    told = what_becomes_of(state_dir, prepared)
    servers = state_dir / "servers"
    own, above = told["groups"]
    assert own.startswith("shared:")
    assert above.startswith("shared:")
    assert own != above
    once = [str(servers / FIRST), str(servers / FIRST / "shares" / SHARE), str(servers / SECOND)]
    assert (once, []) == (told["mounts"], told["left"])


def test_a_peer_of_the_mount_above_stays_one_while_anything_is_mounted_below(state_dir: Path) -> None:
    """What is there twice goes together; parted, one of the two could never be unmounted."""
    told = what_becomes_of(state_dir, "in use")
    own, above = told["groups"]
    assert own == above
    assert told["left"] == []
