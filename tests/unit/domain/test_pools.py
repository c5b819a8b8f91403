"""Names of volume groups, thin pools and devices that LVM accepts and that have no other meaning."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.domain.test_names import INJECTIONS

from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import Name
from shares_core.domain.pools import (
    DevicePath,
    ThinPoolName,
    VolumeGroupName,
    check_device_names,
    device_name,
    volume_name,
)

KINDS: tuple[type[Name], ...] = (VolumeGroupName, ThinPoolName)
CHARACTERS = set(string.ascii_letters + string.digits + "_.+-")
#: Characters with a meaning elsewhere, and those that an LVM name may have.
NO_NAMES = [value for value in INJECTIONS if value != "+games"] + ["$(x)", "vg name", "vg;x", "--yes", "a%b"]
NO_DEVICES = [
    *("", "/", "//", "sdb", "dev/sdb", "./sdb", "-x", "--yes", "@tag", "/dev/", "/dev//sdb", "//dev/sdb"),
    *("/dev/../etc/passwd", "/..", "/dev/sdb/..", "/dev/sdb\n", "\n/dev/sdb", "/dev/s db", "/dev/sdb -f"),
    *("/dev/sdb;x", "/dev/$(x)", "/dev/`x`", "/dev/%s", "/dev/s\\x20b", "/dev/*", "/dev/sd?", "/dev/[ab]"),
    *("/dev/'sdb'", '/dev/"sdb"', "/dev/sdb|x", "/dev/sdb>x", "/dev/sdb#", "~/sdb", "/dev/sdb\0", "/dev/é"),
    *("/dev/\uff41", "/dev/s\u202edb", "/dev/s\u200bdb", "/dev/\ud800"),
]
#: lvrename 2.03.16 refuses these with: Names including "_cdata" are reserved.
RESERVED = (
    *("_cdata", "_cmeta", "_corig", "_cpool", "_cvol", "_imeta", "_iorig", "_mimage", "_mlog", "_pmspare"),
    *("_rimage", "_rmeta", "_tdata", "_tmeta", "_vdata", "_vorigin", "_wcorig"),
)
NAMES = st.text(st.sampled_from("ab-."), min_size=1, max_size=8).filter(
    lambda name: not name.startswith("-") and name not in (".", "..")
)


def accepts(kind: type[Name], value: str) -> bool:
    try:
        return value == str(kind(value))
    except InvalidInput:
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_each_character_is_accepted_in_its_places_only(kind: type[Name]) -> None:
    """Every character of the BMP, and one of each plane above it: LVM's own, and a hyphen not first."""
    codes = [*range(0x10000), *range(0x10000, 0x110000, 0x1001)]
    first, middle, last = (
        {chr(code) for code in codes if accepts(kind, form.format(chr(code)))}
        for form in ("{}qb", "q{}b", "qb{}")
    )
    assert (CHARACTERS - {"-"}, CHARACTERS, CHARACTERS) == (first, middle, last)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", NO_NAMES)
def test_an_injection_is_no_name(kind: type[Name], value: str) -> None:
    """Whatever has a meaning to a shell, a path or LVM's options is refused, in printable characters."""
    with pytest.raises(InvalidInput) as told:
        kind(value)
    assert (str(told.value) + told.value.hint).isprintable()
    assert str(told.value).isascii()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "value", ["vg0", "manila_docker_volumes", "+x", ".x", "_x", "a", "0", "x-", "...", "A.b+c-d_e"]
)
def test_a_name_that_lvm_accepts_is_accepted(kind: type[Name], value: str) -> None:
    """Letters, digits and four signs."""
    assert value == str(kind(value))


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_has_at_most_127_characters(kind: type[Name]) -> None:
    """One more is refused."""
    assert "x" * 127 == str(kind("x" * 127))
    with pytest.raises(InvalidInput, match="128 characters, 127 at most"):
        kind("x" * 128)


@pytest.mark.parametrize("word", RESERVED)
def test_a_thin_pool_cannot_have_a_name_that_lvm_reserves(word: str) -> None:
    """Anywhere in the name; a group may have it, and without its underscore it is allowed."""
    for value in (word, f"a{word}", f"{word}b", f"a{word}_0"):
        with pytest.raises(InvalidInput, match="cannot be used") as told:
            ThinPoolName(value)
        assert "LVM keeps" in told.value.hint
        assert value == str(VolumeGroupName(value))
    plain = word.removeprefix("_")
    assert plain == str(ThinPoolName(plain))


@pytest.mark.parametrize(
    ("kept", "free"),
    [
        ("snapshot", "a-snapshot"),
        ("snapshot0", "snapsho"),
        ("pvmove", "a-pvmove"),
        ("pvmove0", "pvmov"),
        ("shares-", "shares"),
        ("shares-0123456789ab", "shares_0123456789ab"),
    ],
)
def test_a_thin_pool_cannot_have_a_reserved_prefix(kept: str, free: str) -> None:
    """Those of LVM's own volumes and of shares; similar names are allowed."""
    assert (free, kept) == (str(ThinPoolName(free)), str(VolumeGroupName(kept)))
    with pytest.raises(InvalidInput, match=f"thin pool name '{kept}' cannot be used"):
        ThinPoolName(kept)


@pytest.mark.parametrize("value", NO_DEVICES)
def test_a_device_has_a_plain_absolute_path(value: str) -> None:
    """Options, tags, relative paths, ways up and what a shell expands are refused."""
    with pytest.raises(InvalidInput, match="is not the path of a device") as told:
        DevicePath(value)
    assert "give an absolute path like /dev/sdb" == told.value.hint
    assert str(told.value).isprintable()
    assert str(told.value).isascii()


@pytest.mark.parametrize(
    "value",
    [
        *("/dev/sdb", "/dev/nvme0n1p2", "/dev/vg/lv", "/dev/mapper/vg-lv--x", "/dev/cciss/c0d0", "/x"),
        "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4",
        "/dev/disk/by-id/nvme-eui.0025388b+x_1",
        "/dev/disk/by-path/pci-0000:00:1f.2-ata-1",
        "/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-iqn.2026-01.org.example:disk@1=x-lun-0",
        "/dev/..b",
    ],
)
def test_a_device_is_named_by_any_of_its_paths(value: str) -> None:
    """As udev makes them."""
    assert value == str(DevicePath(value))


def test_a_wrong_path_is_shown_with_100_characters() -> None:
    """However long it is."""
    with pytest.raises(InvalidInput, match=f"^'{'x' * 100}' is not the path of a device$"):
        DevicePath("x" * 5000)


def test_a_volume_is_named_by_its_id() -> None:
    """Not by its share, which may be renamed."""
    assert "shares-0123456789ab" == volume_name("0123456789ab")


@pytest.mark.parametrize(
    ("group", "volume", "device"),
    [
        ("vg", "lv", "vg-lv"),
        ("a-b", "c-d", "a--b-c--d"),
        ("vg", "shares-0123456789ab", "vg-shares--0123456789ab"),
        ("a--", "b", "a-----b"),
    ],
)
def test_a_hyphen_is_doubled_in_a_devices_name(group: str, volume: str, device: str) -> None:
    """The hyphen between the two names is not."""
    assert device == device_name(group, volume)


@given(one=st.tuples(NAMES, NAMES), other=st.tuples(NAMES, NAMES))
@example(one=("a-b", "c"), other=("a", "b-c"))
@example(one=("a-", "b"), other=("a", "b-"))
def test_no_two_volumes_have_one_devices_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Wherever the two names have hyphens."""
    assert (one == other) == (device_name(*one) == device_name(*other))


@pytest.mark.parametrize(
    ("fits", "does_not"),
    [
        (("x" * 106, None), ("x" * 107, None)),
        (("-".join("x" * 36), None), (f"{'-'.join('x' * 36)}x", None)),
        (("x" * 106, "p" * 14), ("x" * 106, "p" * 15)),
        (("x" * 106, "p"), ("x" * 107, "p")),
        (("x", "p" * 119), ("xx", "p" * 119)),
        (("x", f"{'-'.join('p' * 40)}p"), ("x", f"{'-'.join('p' * 40)}pp")),
    ],
)
def test_names_are_as_long_as_device_mapper_allows(
    fits: tuple[str, str | None], does_not: tuple[str, str | None]
) -> None:
    """127 characters for a volume's device or the thin pool's data are accepted; one more is refused."""

    def check(group: str, thin_pool: str | None) -> None:
        check_device_names(VolumeGroupName(group), ThinPoolName(thin_pool) if thin_pool else None)

    check(*fits)
    with pytest.raises(InvalidInput, match=r"would have 128 characters, 127 at most$"):
        check(*does_not)


def test_names_that_are_too_long_together_are_both_named() -> None:
    """The thin pool only if there is one."""
    group, pool = VolumeGroupName("g" * 60), ThinPoolName("p" * 61)
    with pytest.raises(InvalidInput, match=f"^a device named after '{group}' and '{pool}' would have 128 "):
        check_device_names(group, pool)
    group = VolumeGroupName("g" * 107)
    with pytest.raises(InvalidInput, match=f"^a device named after '{group}' would have 128 "):
        check_device_names(group, None)
