"""The benchmark runs, and measures every operation on both sides. What it measures is asserted nowhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OPERATIONS = (
    "server create",
    "share create, until a client has it",
    "deny",
    "allow",
    "share extend, offline",
    "share delete",
    "share extend, online",
    "server stop",
    "server start",
    "server delete",
)
_ROW = re.compile(r"^(\S.*?) +[0-9]+ ms +[0-9]+ ms +[0-9.]+x", re.MULTILINE)


def test_every_operation_is_measured_beside_its_floor() -> None:
    """And the floor imports nothing of the library."""
    argv = (sys.executable, "-m", "benchmarks", "1")
    done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert tuple(_ROW.findall(done.stdout)) == OPERATIONS
    assert re.search(r"^import shares_core +[0-9]+ ms", done.stdout, re.MULTILINE)
    floor = (ROOT / "benchmarks/floor.py").read_text()
    assert re.findall(r"^\s*(?:from|import) shares_core", floor, re.MULTILINE) == []
