from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares_core.domain.capacity import GIB, KIB, MIB, PIB, TIB, Capacity, format_bytes, round_up
from shares_core.domain.errors import InvalidInput

SIZES = st.integers(min_value=1, max_value=8 * 1024 * PIB - 1)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("512B", 512),
        ("1KiB", KIB),
        ("1 kib", KIB),
        ("500MiB", 500 * MIB),
        ("1.5GiB", 3 * GIB // 2),
        (" 2TiB ", 2 * TIB),
        ("3P", 3 * PIB),
        ("0.5k", 512),
    ],
)
def test_a_size_is_read_in_binary_units(text: str, size: int) -> None:
    """Binary units, their first letters and bare bytes are sizes."""
    assert Capacity(size) == Capacity.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GiB",
        "0",
        "0GiB",
        "-1GiB",
        "1.5",
        "0.3KiB",
        "1GB",
        "1MB",
        "1 EiB",
        "1e9",
        "1,5GiB",
        "٣GiB",
        "1GiB;ls",
        "8192PiB",
        "9" * 41,
        "0x10",
        "1_000",
        "nan",
        "inf",
        "1GiB\n2",
    ],
)
def test_anything_but_a_whole_positive_size_is_refused(text: str) -> None:
    """Zero, negative, fractional, decimal and endless sizes are refused."""
    with pytest.raises(InvalidInput):
        Capacity.parse(text)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "1", None])
def test_a_capacity_is_a_whole_positive_number(value: object) -> None:
    """A capacity cannot be constructed from anything else."""
    with pytest.raises(InvalidInput):
        Capacity(value)  # type: ignore[arg-type]


@given(st.integers(1, 8190), st.integers(1, 999_999), st.sampled_from("KMGTP"))
def test_the_size_proposed_for_a_fraction_is_hardly_larger(whole: int, millionths: int, unit: str) -> None:
    """It is accepted, and larger by less than one per cent, or by one byte."""
    exact = (whole * 10**6 + millionths) * Capacity.parse(f"1{unit}").bytes
    try:
        Capacity.parse(f"{whole}.{millionths:06}{unit}")
    except InvalidInput as error:
        if "not a whole number" in error.message:
            proposed = Capacity.parse(error.hint.rpartition(" ")[2]).bytes
            assert exact <= proposed * 10**6 < exact + max(exact // 100, 10**6)


@given(SIZES)
def test_bytes_are_read_back_exactly(size: int) -> None:
    """A number of bytes reads as itself."""
    assert size == Capacity.parse(str(size)).bytes


@given(st.integers(1, 1023), st.sampled_from(["KiB", "MiB", "GiB", "TiB", "PiB"]))
def test_whole_units_are_read_back_exactly(count: int, unit: str) -> None:
    """A printed whole number of units reads as the same size."""
    size = Capacity.parse(f"{count}{unit}")
    assert f"{count} {unit}" == str(size)
    assert size == Capacity.parse(str(size))


@given(SIZES)
def test_a_printed_size_is_close_to_the_real_one(size: int) -> None:
    """Rounding for people changes less than one per cent."""
    number, unit = format_bytes(size).split()
    factor = {"B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "TiB": TIB, "PiB": PIB}[unit]
    assert abs(float(number) * factor - size) <= size / 100


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_rounding_up_gives_the_smallest_multiple(count: int, unit: int) -> None:
    """Nothing is lost, and less than one unit is added."""
    rounded = round_up(count, unit)
    assert 0 == rounded % unit
    assert count <= rounded < count + unit
