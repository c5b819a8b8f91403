"""The page of what was tried, and whether it is about the code that is here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tools.reliability.page import code_of, losses_of, render
from tools.reliability.results import CODE, PAGE, ROOT, code_digest

CAMPAIGNS = ("kills", "soak", "watch", "upgrade", "reconcile", "cuts")
#: An hour each: the page may say that they were not run in full. ``./dev test`` has a sample of either.
LONG = ("callers", "volumes")
RESULTS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "cuts": ("the power is cut", None),
    "kills": ("a process is killed", {"operations": 1399, "kills": 1399, "losses": 0}),
    "soak": ("nothing grows", {"failed": "mounts grew by 3"}),
    "watch": ("a container is killed", {"operations": 20, "median": 0.9, "longest": 1.25, "losses": 3}),
}


def test_the_page_is_about_this_code_and_tells_of_no_loss() -> None:
    """Whoever changes what runs on a user's machine runs ``./dev reliability`` again."""
    page = PAGE.read_text()
    assert code_digest() == code_of(page), "run ./dev reliability: the page is about other code"
    losses = losses_of(page)
    for long in LONG:
        assert losses.pop(long) in ("0", "")
    assert dict.fromkeys(CAMPAIGNS, "0") == losses


def test_a_page_tells_what_was_tried_and_of_what() -> None:
    """Each campaign a row, with its own figures."""
    page = render("0123456789abcdef", "v1-3-gabc", 7, "2026-01-01", RESULTS)
    assert "| kills | a process is killed | 1,399 | 1,399 kills | 0 |" in page
    assert "| watch | a container is killed | 20 | median 0.90 s, longest 1.25 s | 3 |" in page
    assert "| cuts | the power is cut | | not run in full on this code yet | |" in page
    assert "| soak | nothing grows | | FAILED: mounts grew by 3 | at least 1 |" in page
    losses = {"cuts": "", "kills": "0", "soak": "at least 1", "watch": "3"}
    assert ("0123456789abcdef", losses) == (code_of(page), losses_of(page))
    assert "seed 7, 2026-01-01" in page
    assert "" == code_of("# Reliability\n")


@pytest.mark.parametrize(
    "name", ["src/a.py", "images/samba/Dockerfile", "packaging/a.service", "tests/powercut/a.py"]
)
def test_a_change_of_what_users_run_is_seen(tmp_path: Path, name: str) -> None:
    """Of a name too; what the interpreter leaves there is none."""
    for folder in ("src", "images/samba", "packaging", "tests/powercut"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / name).write_text("one")
    before = code_digest(tmp_path)
    (tmp_path / "tests/test_a.py").write_text("no matter")
    (tmp_path / "src/__pycache__").mkdir()
    (tmp_path / "src/__pycache__/a.cpython-311.pyc").write_text("no matter")
    assert before == code_digest(tmp_path)
    shutil.move(tmp_path / name, tmp_path / f"{name}2")
    assert before != code_digest(tmp_path)
    shutil.move(tmp_path / f"{name}2", tmp_path / name)
    assert before == code_digest(tmp_path)
    (tmp_path / name).write_text("two")
    assert before != code_digest(tmp_path)


def test_the_digest_is_of_something() -> None:
    """The folders that it names are there."""
    for folder in CODE:
        assert any((ROOT / folder).rglob("*"))
