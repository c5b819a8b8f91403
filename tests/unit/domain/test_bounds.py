"""The last accepted value and the first refused one."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network

import pytest

from shares_core.domain.access import AccessRule, rule_set
from shares_core.domain.addresses import BridgeName, MacAddress, parse_interface_address
from shares_core.domain.capacity import GIB, PIB, Capacity, format_bytes
from shares_core.domain.errors import CommandFailed, InvalidInput, SharesError
from shares_core.domain.names import ServerName, ShareName, UserName
from shares_core.domain.network import DefaultNetwork, InterfaceSpec, decide_interface
from shares_core.domain.secret import Secret
from shares_core.domain.share import FileSystemKind
from shares_core.domain.views import PoolView
from shares_core.domain.volume import DEFAULT_POOL

DEFAULT = BridgeName("shares0")


def _network(text: str) -> Callable[[], object]:
    return lambda: DefaultNetwork(DEFAULT, IPv4Network(text))


@pytest.mark.parametrize(
    ("fits", "does_not"),
    [
        (lambda: UserName("x" * 255), lambda: UserName("x" * 256)),
        (lambda: UserName("漢" * 150), lambda: UserName("漢" * 150 + "x")),
        (lambda: ShareName("x" * 80), lambda: ShareName("x" * 81)),
        (lambda: ServerName("x" * 63), lambda: ServerName("x" * 64)),
        (lambda: UserName("x@"), lambda: UserName("@x")),
        (lambda: ShareName("ipcX"), lambda: ShareName("ipc$")),
        (lambda: Secret("x" * 256), lambda: Secret("x" * 257)),
        (lambda: Secret(" "), lambda: Secret("\x1f")),
        (lambda: Secret("~"), lambda: Secret("\x7f")),
        (lambda: Secret("\ud7ff"), lambda: Secret("\ud800")),
        (lambda: Secret("\ue000"), lambda: Secret("\udfff")),
        (lambda: Capacity(1), lambda: Capacity(0)),
        (lambda: Capacity(8 * 1024 * PIB - 1), lambda: Capacity(8 * 1024 * PIB)),
        (lambda: Capacity.parse("1GiB".rjust(40)), lambda: Capacity.parse("1GiB".rjust(41))),
        (lambda: InterfaceSpec(mtu=1280), lambda: InterfaceSpec(mtu=1279)),
        (lambda: InterfaceSpec(mtu=9216), lambda: InterfaceSpec(mtu=9217)),
        (_network("10.0.0.0/30"), _network("10.0.0.0/31")),
        (lambda: parse_interface_address("10.0.0.0/31"), lambda: parse_interface_address("10.0.0.0/30")),
        (lambda: parse_interface_address("10.0.0.1/31"), lambda: parse_interface_address("10.0.0.3/30")),
        (lambda: BridgeName("x" * 15), lambda: BridgeName("x" * 16)),
    ],
)
def test_bounds_are_exact(fits: Callable[[], object], does_not: Callable[[], object]) -> None:
    """One value is accepted, and the next is refused as malformed."""
    assert fits() is not None
    with pytest.raises(InvalidInput):
        does_not()


def test_a_pool_holds_what_is_free_and_not_a_byte_more() -> None:
    """Even the last byte can be used."""
    pool = PoolView(DEFAULT_POOL, "files", "/pool", total=9, provisioned=4, free=5, overprovisioned=False)
    assert (True, False) == (pool.holds(Capacity(5)), pool.holds(Capacity(6)))


def test_a_size_is_printed_in_the_largest_unit_that_it_fills() -> None:
    """Exact if the unit divides it, and from the unit's first byte on."""
    printed = [format_bytes(count) for count in (0, 1023, 1024, 1536, GIB - 1, GIB, 10 * GIB, 100 * PIB)]
    assert ["0 B", "1023 B", "1 KiB", "1.5 KiB", "1024 MiB", "1 GiB", "10 GiB", "100 PiB"] == printed


def test_a_mac_address_has_the_last_ten_digits_of_an_id() -> None:
    """Whatever the first two are: the mark of a local address replaces them."""
    assert "02:23:45:67:89:ab" == str(MacAddress.derived_from("0123456789ab"))
    assert MacAddress("02:23:45:67:89:AB") == MacAddress("02-23-45-67-89-ab")
    for value in (None, 7):
        with pytest.raises(InvalidInput):
            MacAddress(value)


def test_an_interface_on_the_default_network_has_its_mtu() -> None:
    """An interface on it has that network's MTU, and its own host address."""
    network = DefaultNetwork(DEFAULT, IPv4Network("10.0.0.0/29"), mtu=1400)
    made = decide_interface(InterfaceSpec(), interface_id="0123456789ab", default=network, holders=[])
    assert (1400, (network.host_address,), True) == (made.mtu, made.host_addresses, made.isolated)


def test_a_file_system_kind_is_read_from_its_name() -> None:
    """It reads what it prints."""
    assert list(FileSystemKind) == [FileSystemKind.parse(str(kind)) for kind in FileSystemKind]


def test_rules_are_ordered_by_name_without_case() -> None:
    """The order does not depend on who was allowed first, or on capitals."""
    rules = [AccessRule.for_user(UserName(name), "ro") for name in ("bob", "Eve", "ada", "Carl")]
    assert ["ada", "bob", "Carl", "Eve"] == [str(rule.principal.name) for rule in rule_set(rules)]


def test_a_failed_command_keeps_what_it_was_and_says_its_last_300_characters() -> None:
    """Programs get the parts, people one line."""
    failed = CommandFailed(("mkfs", "-q"), 3, "x" + "y" * 300, hint="try again")
    assert (("mkfs", "-q"), 3, "x" + "y" * 300, "try again") == (
        failed.command,
        failed.status,
        failed.output,
        failed.hint,
    )
    assert f"mkfs failed with status 3: {'y' * 300}" == str(failed) == failed.message
    assert isinstance(failed, SharesError)
    assert "" == CommandFailed(("mkfs",), 1, "").hint
