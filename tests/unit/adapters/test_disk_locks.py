"""Locks that hold across threads and processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.locks import FileLocks
from shares_core.domain.errors import Busy

HOLDER = """
import sys
from pathlib import Path
from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.locks import FileLocks
with FileLocks(Layout(Path(sys.argv[1])), 5).server("one"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def locks(tmp_path: Path) -> FileLocks:
    return FileLocks(Layout(tmp_path), 0)


def test_a_second_caller_gets_busy(locks: FileLocks) -> None:
    """Also within one process; other servers are not affected."""
    with locks.server("one"):
        with pytest.raises(Busy, match="server one"), locks.server("one"):
            pass
        with locks.server("two"), locks.claims():
            pass
    with locks.server("one"):
        pass


def test_a_holder_that_dies_frees_its_lock(locks: FileLocks, tmp_path: Path) -> None:
    """The kernel keeps a lock only as long as its process lives."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert b"held\n" == holder.stdout.readline()
        with pytest.raises(Busy), locks.server("one"):
            pass
        holder.kill()
    with locks.server("one"):
        pass


def test_a_forgotten_lock_leaves_no_file(locks: FileLocks, tmp_path: Path) -> None:
    """Forgetting is idempotent, and its holder may still release the lock."""
    with locks.server("one"):
        locks.forget("one")
        locks.forget("one")
    assert [] == list((tmp_path / "locks").glob("one*"))
