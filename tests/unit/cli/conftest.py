from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cli.terminal import Terminal
from tests.unit.world import World


@pytest.fixture
def terminal(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    return Terminal(world, tmp_path, capsys, monkeypatch)


@pytest.fixture
def served(terminal: Terminal) -> Terminal:
    """A terminal with a server ``tenant`` and a share ``files`` on it."""
    terminal.world.served()
    return terminal
