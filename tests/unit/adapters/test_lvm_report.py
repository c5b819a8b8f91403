"""Parsing LVM's reports."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from tests.unit.adapters.lvm_words import (
    EMPTY_LVS,
    LVS,
    POOL,
    SIZE,
    THIN,
    THIN_POOL,
    UUID,
    VGS,
    VOLUME,
    lvs,
    vgs,
    volume,
)

from shares_core.adapters.pools.lvm.report import (
    LogicalVolume,
    VolumeGroup,
    group_command,
    parse_group,
    parse_volumes,
    volumes_command,
)
from shares_core.domain.errors import HostNotReady
from shares_core.entrypoints.cli.remedies import worded

EMPTY = VolumeGroup(name="vg", uuid=UUID, size=8585740288, free=8585740288, extent=4194304)


def parsed(output: str) -> VolumeGroup:
    found = parse_volumes(output)
    assert found is not None
    return found


def test_a_group_is_read_with_its_volumes() -> None:
    """From captured output of the tool."""
    first = LogicalVolume(name="first", size=104857600, tags=frozenset({"shares-core"}))
    assert evolve(EMPTY, free=8480882688, volumes=(first,)) == parse_volumes(LVS)


def test_a_group_without_volumes_is_told_by_the_other_report() -> None:
    """The list of volumes has no row for it."""
    assert parse_volumes(EMPTY_LVS) is None
    assert parse_group(VGS) == EMPTY


def test_a_thin_pool_is_told_from_the_volumes_in_it() -> None:
    """By its layout; it zeroes or not, and has percentages if it is active."""
    group = parsed(lvs(THIN_POOL, volume(tags="a,b") | THIN))
    assert group.volumes == (
        LogicalVolume(
            name=POOL,
            size=1 << 30,
            is_thin_pool=True,
            data_percent=3.17,
            metadata_percent=10.84,
            zeroes=True,
        ),
        LogicalVolume(
            name=f"shares-{VOLUME}",
            size=SIZE,
            tags=frozenset({"a", "b"}),
            pool=POOL,
            is_thin=True,
            data_percent=5.0,
        ),
    )
    (dull,) = parsed(lvs({**THIN_POOL, "zero": "", "data_percent": "", "metadata_percent": ""})).volumes
    assert (dull.is_thin_pool, dull.zeroes, dull.data_percent, dull.metadata_percent) == (
        True,
        False,
        None,
        None,
    )


@pytest.mark.parametrize("layout", ["linear", "striped", "pool", "cache,pool", "thin", "thin,sparse", ""])
def test_only_a_thin_pool_is_read_as_one(layout: str) -> None:
    """Not another kind of pool, nor a thin volume."""
    (found,) = parsed(lvs({"lv_layout": layout})).volumes
    assert not found.is_thin_pool


def test_a_volume_is_found_by_its_name() -> None:
    """Its whole name."""
    group = parsed(lvs(volume("a"), volume("ab")))
    assert group.find("shares-ab") == group.volumes[1]
    assert group.find("shares-") is None


@pytest.mark.parametrize(
    "output",
    [
        *("", "nonsense", "5", "null", "[]", "{}", '{"report": []}', '{"report": [5]}', '{"report": [{}]}'),
        *('{"report": [{"lv": 5, "vg": 5}]}', '{"report": [{"lv": [5], "vg": [5]}]}'),
        *('{"report": [{"lv": ["x"], "vg": ["x"]}]}', '{"report": [{"lv": [{}], "vg": [{}]}]}'),
        LVS[:-20],
        VGS[:-20],
    ],
)
def test_anything_but_a_report_is_an_error(output: str) -> None:
    """Whatever it is."""
    with pytest.raises(ValueError):  # noqa: PT011 - json has words of its own
        parse_volumes(output)
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        parse_group(output)


def test_a_report_without_a_group_is_none() -> None:
    """An existing group has a row."""
    with pytest.raises(ValueError, match="it has no volume group"):
        parse_group('{"report": [{"vg": []}]}')


@pytest.mark.parametrize("field", json.loads(LVS)["report"][0]["lv"][0])
def test_a_field_that_is_missing_is_named(field: str) -> None:
    """Every field is needed."""
    for output, parse in ((lvs({}), parse_volumes), (vgs(), parse_group)):
        report = json.loads(output)
        (row,) = next(iter(report["report"][0].values()))
        if field in row:
            del row[field]
            with pytest.raises(ValueError, match=f"it has no '{field}'"):
                parse(json.dumps(report))


@pytest.mark.parametrize("field", ["vg_size", "vg_free", "vg_extent_size", "vg_missing_pv_count", "lv_size"])
def test_an_invalid_figure_is_an_error(field: str) -> None:
    """A size with a unit was not requested."""
    for wrong in ("", "8.00g", None):
        report = json.loads(lvs({}))
        report["report"][0]["lv"][0][field] = wrong
        with pytest.raises(ValueError):  # noqa: PT011 - int has words of its own
            parse_volumes(json.dumps(report))


@pytest.mark.parametrize(
    ("fields", "message", "hint"),
    [
        ({"vg_exported": "exported"}, "volume group vg is exported", "vgimport vg"),
        (
            {"vg_missing_pv_count": "2"},
            "volume group vg misses 2 of its devices",
            "attach what 'vgs -o +pv_name,pv_missing vg' calls missing",
        ),
        (
            {"vg_permissions": "read-only"},
            "volume group vg is read-only",
            "see 'read_only_volume_list' in /etc/lvm/lvm.conf",
        ),
    ],
)
def test_an_unusable_group_says_why(fields: dict[str, str], message: str, hint: str) -> None:
    """With a remedy; a usable group says nothing."""
    parse_group(vgs()).require_usable()
    for group in (parse_group(vgs(**fields)), parsed(lvs({}, **fields))):
        with pytest.raises(HostNotReady) as told:
            group.require_usable()
        assert (message, hint) == (told.value.message, worded(told.value.remedy))


def test_the_reports_are_asked_for_in_plain_bytes() -> None:
    """And as JSON, of one group, with each field that is read."""
    for command, program, row in (
        (volumes_command("vg"), "lvs", json.loads(LVS)["report"][0]["lv"][0]),
        (group_command("vg"), "vgs", json.loads(VGS)["report"][0]["vg"][0]),
    ):
        options = ("--reportformat", "json", "--units", "b", "--nosuffix", "--options", ",".join(row), "vg")
        assert (program, *options) == command
