from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.adapters.lvm_world import FakeLvm


@pytest.fixture
def fake_lvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLvm:
    return FakeLvm.installed(tmp_path, monkeypatch)
