"""The container of a module's oracles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.oracles.box import Box, opened_box


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    """Samba's own tools, of the serving version."""
    with opened_box() as opened:
        yield opened
