"""The options of shares and servers, and the presets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import InvalidInput
from shares_core.domain.options import RecycleBin, ShareOptions, TimeMachine
from shares_core.domain.presets import PRESETS, server_preset, share_preset
from shares_core.domain.protection import Protection
from shares_core.entrypoints.cli import options as words

_DOCS = Path(__file__).parents[3] / "docs" / "operating.md"
BINS = st.builds(RecycleBin, st.integers(1, 3650))
OPTIONS = st.builds(ShareOptions, st.none(), st.none() | BINS, st.booleans()) | st.builds(
    ShareOptions, st.none() | st.just(TimeMachine()), st.none(), st.booleans()
)


@given(options=OPTIONS)
def test_what_is_not_named_stays(options: ShareOptions) -> None:
    assert options == options.changed()


@given(options=OPTIONS)
def test_every_option_can_be_turned_off(options: ShareOptions) -> None:
    """False does, by the option's name; then nothing differs from the default."""
    off = options.changed(**{each.name: False for each in fields(ShareOptions)})
    assert (ShareOptions(), ()) == (off, off.differing)


def test_true_sets_an_option_with_its_defaults() -> None:
    assert ShareOptions(recycle_bin=RecycleBin(30)) == ShareOptions().changed(recycle_bin=True)
    assert ShareOptions(TimeMachine()) == ShareOptions().changed(time_machine=True)
    assert ("recycle_bin", "audit") == ShareOptions().changed(recycle_bin=True, audit=True).differing


@pytest.mark.parametrize("days", [0, -1, 3651, True, 1.5, "30", None])
def test_a_bin_keeps_files_for_whole_days(days: object) -> None:
    with pytest.raises(InvalidInput, match="1 to 3650 days"):
        RecycleBin(days)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["time_machine", "recycle_bin", "audit"])
def test_an_option_is_of_its_kind(name: str) -> None:
    with pytest.raises(InvalidInput):
        ShareOptions(**{name: "yes"})  # type: ignore[arg-type]


def test_backups_do_not_go_to_a_bin() -> None:
    """Nor if one is set after the other; and their limit fits the share."""
    with pytest.raises(InvalidInput, match="no recycle bin"):
        ShareOptions(TimeMachine()).changed(recycle_bin=True)
    with pytest.raises(InvalidInput, match="backups may not take 2 GiB of a share of 1 GiB"):
        ShareOptions(TimeMachine(Capacity.parse("2GiB"))).check(Capacity.parse("1GiB"))


def test_the_default_preset_is_the_default() -> None:
    """Of shares and of servers."""
    assert (ShareOptions(), Protection()) == (share_preset("default"), server_preset("default"))
    assert ["default", "mac", "time-machine", "archive", "scanner"] == list(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_of_shares_of_servers_or_of_both(name: str) -> None:
    """To the other kind it is refused by name."""
    for preset, read in ((PRESETS[name].share, share_preset), (PRESETS[name].server, server_preset)):
        if preset is not None:
            assert preset == read(name)
            continue
        with pytest.raises(InvalidInput, match=f"{name} is a preset of"):
            read(name)
    with pytest.raises(InvalidInput, match="not a preset"):
        share_preset(f"{name} ")


def test_the_docs_have_the_table_of_presets() -> None:
    """With each preset's purpose, and what it sets, as it is given on the command line."""
    rows = re.findall(r"^\| `([a-z-]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", _DOCS.read_text(), re.MULTILINE)
    assert [
        (
            name,
            preset.purpose,
            "" if preset.share is None else words.of_share(preset.share) or "defaults",
            "" if preset.server is None else words.of_server(preset.server) or "defaults",
        )
        for name, preset in PRESETS.items()
    ] == [(name, *(cell.strip(" `") for cell in cells)) for name, *cells in rows]
