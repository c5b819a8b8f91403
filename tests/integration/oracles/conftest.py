"""The container that the oracles of a module speak from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.oracles.box import Box, opened_box


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    """Samba's own tools, in the version that serves."""
    with opened_box() as opened:
        yield opened
