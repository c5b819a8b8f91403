"""The benchmark runs, and measures every operation on both sides. The figures are not asserted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import folders, scale, snapshots

from tests.integration.conftest import SPARE_GROUP

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
#: On a server while one of its shares is checked, and on an idle server.
MEANWHILE = (
    "deny",
    "allow",
    "deny, on the share that is checked",
    "share create",
    "server show",
    "server stop",
    "server start",
)
LVM_OPERATIONS = ("share create on LVM", "share extend on LVM, online", "share delete on LVM")
_ROW = re.compile(r"^(\S.*?) +[0-9]+ ms +[0-9]+ ms +[0-9.]+x", re.MULTILINE)


def test_every_operation_is_measured_beside_its_floor() -> None:
    """And the floor imports nothing of the library."""
    argv = (sys.executable, "-m", "benchmarks", "1")
    done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=ROOT, timeout=1200)
    wanted = OPERATIONS + (LVM_OPERATIONS if SPARE_GROUP else ()) + MEANWHILE
    assert tuple(_ROW.findall(done.stdout)) == wanted
    assert re.search(r"^import shares_core +[0-9]+ ms", done.stdout, re.MULTILINE)
    for name in ("floor", "lvm"):
        floor = (ROOT / f"benchmarks/{name}.py").read_text()
        assert re.findall(r"^\s*(?:from|import) shares_core", floor, re.MULTILINE) == []


def test_the_cost_of_a_call_is_measured_beside_other_shares(capsys: pytest.CaptureFixture[str]) -> None:
    """Here few of them."""
    scale.measure(1, servers=2, others=(0, 3))
    printed = capsys.readouterr().out
    assert _ROW.findall(printed) == ["share create", "allow", "share show", "deny"]
    assert re.findall(r"^(\S+ list), at the command line +[0-9]+ ms", printed, re.MULTILINE) == list(
        scale.LIST_GOALS
    )


def test_large_folders_are_measured_beside_a_plain_samba(capsys: pytest.CaptureFixture[str]) -> None:
    """Here small ones."""
    folders.measure(2, there=(5, 20))
    rows = re.findall(r"^(\S.*?)(?: +[0-9.]+ ms){4,6}$", capsys.readouterr().out, re.MULTILINE)
    assert rows == list(folders.OPERATIONS)


def test_snapshots_are_measured_beside_their_bare_steps(capsys: pytest.CaptureFixture[str]) -> None:
    """Here of small shares; smaller ones have blocks that a copy's device cannot."""
    sizes = ("420MiB", "430MiB")
    snapshots.measure(1, sizes=sizes, writes=(50,), database=16 << 20, many=2, gibibytes=6, copied="32MiB")
    printed = capsys.readouterr().out
    rows = [f"{operation}, {size}" for size in sizes for operation in snapshots.OPERATIONS]
    assert _ROW.findall(printed) == [*rows, "copied snapshot, 32MiB"]
    assert re.search(r"^a writer waits, [0-9,]+ pieces: [0-9]+ ms", printed, re.MULTILINE)
    assert re.search(r"^server start, 2 snapshots: [0-9]+ ms, -?[0-9]+ MiB of memory", printed, re.MULTILINE)
