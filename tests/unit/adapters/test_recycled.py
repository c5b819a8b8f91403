"""What count_recycled.sh says: read if it is that, refused if it is anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.adapters.values import SERVER

from shares_core.adapters.samba.files import parse_recycled
from shares_core.domain.errors import BackendFailure
from shares_core.domain.views import RecycledFiles


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**40), st.booleans())
def test_what_a_bin_holds_is_read(size: int, files: int, emptied: bool) -> None:
    said = f"{size} {files} {'emptied' if emptied else 'kept'}"
    assert RecycledFiles(size, files, emptied) == parse_recycled(said, SERVER)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "1 2",
        "1 2 other",
        "-1 2 kept",
        "1e9 2 kept",
        "1 2 kept\n",
        "1 2 kept x",
        "\N{SUPERSCRIPT TWO} 2 kept",
        f"{2**63} 2 kept",
        "9" * 100 + " 2 kept",
    ],
)
def test_anything_else_is_refused(said: str) -> None:
    with pytest.raises(BackendFailure, match="does not say what a recycle bin holds"):
        parse_recycled(said, SERVER)


@given(st.text(max_size=12))
def test_no_text_makes_it_fail_otherwise(said: str) -> None:
    try:
        parse_recycled(said, SERVER)
    except BackendFailure:
        return
