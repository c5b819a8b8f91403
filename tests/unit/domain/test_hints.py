"""Wrong input gets a hint what to give instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shares_core.domain.access import AccessLevel, AccessRule, Principal, rule_set
from shares_core.domain.addresses import BridgeName, MacAddress, parse_gateway, parse_interface_address
from shares_core.domain.capacity import Capacity
from shares_core.domain.checks import must_be, require
from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import ServerName, ShareName, UserName
from shares_core.domain.network import InterfaceSpec
from shares_core.domain.pools import DevicePath, ThinPoolName, VolumeGroupName
from shares_core.domain.secret import Secret, require_secret
from shares_core.domain.share import FileSystemKind

WRONG_KINDS: tuple[Any, ...] = (None, 7, 1.5, b"x", object(), [], ("ada", "rw"))
WRONG: dict[Callable[[Any], object], tuple[Any, ...]] = {
    ServerName: ("", "x" * 64, "a b", *WRONG_KINDS),
    ShareName: ("", "x" * 81, "IPC$", "a%U", *WRONG_KINDS),
    UserName: ("", "x" * 256, "@games", "a\nb", *WRONG_KINDS),
    Secret: ("", "x" * 257, "a\n", *WRONG_KINDS),
    require_secret: ("plain", *WRONG_KINDS[1:]),
    Capacity: (0, -1, 2**70, True, "1GiB", *(kind for kind in WRONG_KINDS if kind != 7)),
    Capacity.parse: ("", "x", "1GB", "1.1GiB", "0", "9999999PiB", *WRONG_KINDS),
    AccessLevel.parse: ("", "w", *WRONG_KINDS),
    Principal: ("ada", *WRONG_KINDS),
    lambda principal: AccessRule(principal, AccessLevel.READ_ONLY): ("ada", *WRONG_KINDS),
    lambda level: AccessRule(Principal(UserName("ada")), level): ("rw", *WRONG_KINDS),
    rule_set: ("ada", ["ada"], [AccessRule.for_user("ada", "ro")] * 2, *WRONG_KINDS[:5], [None]),
    FileSystemKind.parse: ("ntfs", *WRONG_KINDS),
    FileSystemKind.EXT4.check: (Capacity(1), "1GiB", *WRONG_KINDS),
    parse_interface_address: (
        "10.0.0.5",
        "x/y",
        "fe80::1%eth0/64",
        "127.0.0.1/8",
        "240.0.0.1/8",
        "10.0.0.0/24",
        "10.0.0.255/24",
        *WRONG_KINDS,
    ),
    parse_gateway: ("", "x", "10.0.0.1/24", *WRONG_KINDS),
    BridgeName: ("", "a b", "lo", "x" * 16, *WRONG_KINDS),
    lambda bridge: InterfaceSpec(bridge=bridge): ("tenant-b", *WRONG_KINDS[1:]),
    lambda addresses: InterfaceSpec(addresses=addresses): (["10.0.0.5/24"], "x", *WRONG_KINDS[:5]),
    lambda mac: InterfaceSpec(mac=mac): ("02:00:00:00:00:01", *WRONG_KINDS[1:]),
    lambda mtu: InterfaceSpec(mtu=mtu): (5, "x", *WRONG_KINDS[1:]),
    lambda addresses: InterfaceSpec.parse(addresses=addresses): (
        "10.0.0.5/24",
        ["x"],
        ["10.0.0.5/24"] * 2,
        None,
        [None],
    ),
    lambda gateways: InterfaceSpec.parse(addresses=["10.0.0.5/24"], gateways=gateways): (
        "10.0.0.1",
        ["10.0.1.1"],
        ["10.0.0.5"],
        ["10.0.0.1", "10.0.0.2"],
    ),
    VolumeGroupName: ("", "x" * 128, "a b", "..", "-x", *WRONG_KINDS),
    ThinPoolName: ("", "x" * 128, "a b", "..", "-x", "a_tdata", "snapshot", "shares-x", *WRONG_KINDS),
    DevicePath: ("", "sdb", "/dev/../x", "/dev/a b", *WRONG_KINDS),
    MacAddress: ("", "01:00:00:00:00:01", "00:00:00:00:00:00", *WRONG_KINDS),
}


@pytest.mark.parametrize(
    ("make", "value"), [(make, value) for make, values in WRONG.items() for value in values]
)
def test_wrong_input_is_refused_with_a_hint(make: Callable[[Any], object], value: object) -> None:
    """Any input of any type: one line says what is wrong, another what to give instead."""
    with pytest.raises(InvalidInput) as told:
        make(value)
    assert "" != told.value.hint
    assert (told.value.message + told.value.hint).isprintable()
    assert "correct horse" not in told.value.message


def test_a_wrong_type_is_named_without_the_value() -> None:
    """The value may be a password; a right value is accepted."""
    with pytest.raises(InvalidInput, match=r"^a thing must be int or None, not text$") as told:
        require("correct horse", int | None, "a thing", hint="give a number")
    assert "give a number" == told.value.hint
    for good in (1, None):
        require(good, int | None, "a thing", hint="")
    with pytest.raises(InvalidInput, match=r"^a thing must be text, not int$"):
        must_be(str, "a thing", hint="")(None, None, 1)
