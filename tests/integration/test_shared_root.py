"""A host where ``/`` is a shared mount, as on every host with systemd."""

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
def test_mounts_for_a_server_exist_only_once(state_dir: Path, prepared: str) -> None:
    """The servers' mount is not a peer of the one above, even if an ensure was killed after its bind."""
    told = what_becomes_of(state_dir, prepared)
    servers = state_dir / "servers"
    own, above = told["groups"]
    assert own.startswith("shared:")
    assert above.startswith("shared:")
    assert own != above
    once = [str(servers / FIRST), str(servers / FIRST / "shares" / SHARE), str(servers / SECOND)]
    assert (once, []) == (told["mounts"], told["left"])


def test_a_mount_keeps_its_peer_while_anything_is_mounted_below(state_dir: Path) -> None:
    """Both copies of a mount below go together; separated, one of them could never be unmounted."""
    told = what_becomes_of(state_dir, "in use")
    own, above = told["groups"]
    assert own == above
    assert told["left"] == []
