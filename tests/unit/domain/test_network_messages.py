"""Every whole message about addresses and interfaces, with its hint."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Any

import pytest
from attrs import evolve

from shares_core.domain.addresses import BridgeName, MacAddress, parse_gateway, parse_interface_address
from shares_core.domain.errors import SharesError
from shares_core.domain.network import DefaultNetwork, InterfaceSpec, decide_interface

ADDRESS = "write an address as 10.0.0.5/24 or fd00::5/64"
HOST = "give the address of a host, like 10.0.0.5/24"
UNICAST = "give a unicast address of the server's network, like 10.0.0.5/24 or fd00::5/64"
GATEWAY = "write a gateway as 10.0.0.1 or fd00::1, without a prefix"
MAC = "write it as 02:00:00:aa:bb:cc"
BRIDGE = "use at most 15 letters, digits, '.', '_' and '-', beginning with a letter or a digit"
TAKEN = "choose another address, or another bridge: addresses need to differ on one bridge only"
NO_HOST = "it is the address of the network 10.0.0.0/24 itself, not of a host in it"
UNUSABLE = "unspecified, loopback, link-local and multicast addresses cannot be a server's"
UNCHANGED = "change [network] in the configuration back, or delete those servers first"
DEFAULT = DefaultNetwork(BridgeName("shares0"), IPv4Network("10.254.0.0/30"))


def _spec(*addresses: str, bridge: str | None = "br-a", **more: Any) -> InterfaceSpec:
    return InterfaceSpec.parse(bridge=bridge, addresses=addresses, **more)


def _beside(first: InterfaceSpec, second: InterfaceSpec, default: DefaultNetwork = DEFAULT) -> None:
    """Two servers' interfaces; the second, made with ``default`` configured, is impossible."""
    made = decide_interface(first, interface_id="000000000001", default=DEFAULT, holders=[])
    decide_interface(second, interface_id="000000000002", default=default, holders=[("one", made)])


TOLD: list[tuple[Callable[[], object], str, str]] = [
    # -- addresses
    (lambda: parse_interface_address("10.0.0.5"), "'10.0.0.5' has no prefix length", ADDRESS),
    (lambda: parse_interface_address("x" * 70), f"'{'x' * 60}' has no prefix length", ADDRESS),
    (
        lambda: parse_interface_address("fe80::1%e/64"),
        "'fe80::1%e/64' has a scope",
        "write the address without %",
    ),
    (lambda: parse_interface_address("10/x"), "'10/x' is not an IP address with a prefix", ADDRESS),
    (lambda: parse_interface_address("127.0.0.1/8"), f"127.0.0.1/8 cannot be used: {UNUSABLE}", UNICAST),
    (
        lambda: parse_interface_address("240.0.0.1/8"),
        "240.0.0.1/8 cannot be used: the address is reserved",
        "give one below 224.0.0.0, like 10.0.0.5/24",
    ),
    (
        lambda: parse_interface_address("10.0.0.0/24"),
        f"10.0.0.0/24 cannot be used: {NO_HOST}",
        HOST,
    ),
    (
        lambda: parse_interface_address("10.0.0.255/24"),
        "10.0.0.255/24 cannot be used: it is the broadcast address of 10.0.0.0/24",
        HOST,
    ),
    (lambda: parse_gateway("10.0.0.1%x"), "'10.0.0.1%x' is not an IP address", GATEWAY),
    (lambda: parse_gateway("z" * 61), f"'{'z' * 60}' is not an IP address", GATEWAY),
    (lambda: BridgeName("b" * 61), f"bridge name '{'b' * 60}' cannot be used", BRIDGE),
    (lambda: BridgeName("lo"), "bridge name 'lo' is reserved by the kernel", "choose another name"),
    (lambda: MacAddress("0200"), "'0200' is not a MAC address", "write it as 02:00:00:aa:bb:cc"),
    (
        lambda: MacAddress("01:00:00:00:00:01"),
        "MAC address 01:00:00:00:00:01 is a multicast address",
        "its first byte must be even",
    ),
    (lambda: MacAddress("00:00:00:00:00:00"), "MAC address 00:00:00:00:00:00 belongs to nobody", MAC),
    (
        lambda: InterfaceSpec(BridgeName("br-a"), ("10.0.0.5/24",)),  # type: ignore[arg-type]
        "an interface's address must be IPv4Interface or IPv6Interface, not text",
        "InterfaceSpec.parse(bridge='tenant-b', addresses=['10.0.0.5/24']) reads text",
    ),
    (
        lambda: parse_interface_address(None),  # type: ignore[arg-type]
        "an address must be text, not None",
        ADDRESS,
    ),
    (lambda: parse_gateway(7), "a gateway must be text, not int", GATEWAY),  # type: ignore[arg-type]
    # -- interfaces
    (lambda: InterfaceSpec(mtu=1), "an MTU of 1 cannot be used", "give a number from 1280 to 9216"),
    (
        lambda: _spec(),
        "an interface on bridge br-a needs an address",
        "give addresses IP/PREFIX; only the default network hands out addresses",
    ),
    (
        lambda: _spec(bridge=None, host_addresses=["10.0.0.1/24"]),
        "the default network has its host address in the configuration",
        "give a bridge to go with host_addresses",
    ),
    (
        lambda: _spec("10.0.0.5/24", gateways=["10.0.0.1", "10.0.0.2"]),
        "an interface has at most one gateway for IPv4 and one for IPv6",
        "leave one out, or give the server another interface",
    ),
    *(
        (
            lambda what=what: InterfaceSpec.parse(**{what: "10.0.0.5/24"}),  # type: ignore[arg-type]
            f"an interface's {what} must be a list",
            f"give {what}=['10.0.0.5/24']",
        )
        for what in ("addresses", "gateways", "host_addresses")
    ),
    (
        lambda: _spec("10.0.0.5/24", host_addresses=["10.0.0.1/24", "10.0.0.2/24"]),
        "an interface has at most one host address for IPv4 and one for IPv6",
        "leave one out, or give the server another interface",
    ),
    (
        lambda: _spec("10.0.0.5/24", "10.0.0.5/25"),
        "one address stands twice on one interface",
        "give it once",
    ),
    (
        lambda: _spec("10.0.0.5/24", "fd00::5/64", gateways=["10.1.0.1"]),
        "gateway 10.1.0.1 is outside of 10.0.0.0/24, fd00::/64",
        "give a gateway in a network of the server's",
    ),
    (
        lambda: _spec("10.0.0.5/24", host_addresses=["10.0.0.5/24"]),
        "host address 10.0.0.5 is the server's own address",
        "give the server or the host address another one",
    ),
    (
        lambda: DefaultNetwork(BridgeName("b"), IPv4Network("10.0.0.0/31")),
        "the default network 10.0.0.0/31 is too small",
        "use a /30 or larger",
    ),
    # -- interfaces beside each other
    (
        lambda: _beside(
            _spec("10.0.0.5/24", "fd00::5/64", host_addresses=["10.0.0.1/24", "fd00::1/64"]),
            _spec("10.0.0.6/24", host_addresses=["10.0.0.2/24"]),
        ),
        "bridge br-a has another host address: 10.0.0.1/24, fd00::1/64",
        "leave it out, or choose another bridge",
    ),
    (
        lambda: _beside(_spec("10.0.0.5/24"), _spec("10.0.0.6/24", host_addresses=["10.0.0.2/24"])),
        "bridge br-a has another host address: none",
        "leave it out, or choose another bridge",
    ),
    (
        lambda: _beside(_spec("10.0.0.5/24", mtu=1400), _spec("10.0.0.6/24", mtu=1500)),
        "bridge br-a has another MTU: 1400",
        "leave it out, or choose another bridge",
    ),
    (
        lambda: _beside(_spec(bridge=None), _spec(bridge=None)),
        "the default network 10.254.0.0/30 has no free address",
        "give the server bridge and addresses, or configure a larger subnet",
    ),
    (
        lambda: _beside(
            _spec(bridge=None), _spec(bridge=None), evolve(DEFAULT, subnet=IPv4Network("10.253.0.0/29"))
        ),
        (
            "the servers on bridge shares0 have host address 10.254.0.1/30 and MTU 1500, "
            "but the configuration says host address 10.253.0.1/29 and MTU 1500"
        ),
        UNCHANGED,
    ),
    (
        lambda: _beside(
            _spec("10.0.0.5/24"),
            _spec(bridge=None),
            DefaultNetwork(BridgeName("br-a"), IPv4Network("10.254.0.0/30"), mtu=1400),
        ),
        (
            "the servers on bridge br-a have no host address and MTU 1500, "
            "but the configuration says host address 10.254.0.1/30 and MTU 1400"
        ),
        UNCHANGED,
    ),
    (
        lambda: _beside(_spec(bridge=None), _spec("10.1.0.2/24", bridge=None)),
        "10.1.0.2/24 is outside of the default network 10.254.0.0/30",
        "give a bridge to go with it, or an address of the default network",
    ),
    (
        lambda: _beside(_spec("10.0.0.5/24"), _spec("10.0.0.5/24")),
        "address 10.0.0.5 is taken on bridge br-a by server 'one'",
        TAKEN,
    ),
    (
        lambda: _beside(_spec("10.0.0.5/24", gateways=["10.0.0.9"]), _spec("10.0.0.9/24")),
        "address 10.0.0.9 is taken on bridge br-a by a gateway",
        TAKEN,
    ),
    (
        lambda: _beside(_spec("10.0.0.5/24", host_addresses=["10.0.0.9/24"]), _spec("10.0.0.9/24")),
        "address 10.0.0.9 is taken on bridge br-a by the host",
        TAKEN,
    ),
    (
        lambda: _beside(
            _spec("10.0.0.5/24", mac="02:00:00:00:00:09"), _spec("10.0.0.6/24", mac="02:00:00:00:00:09")
        ),
        "address 02:00:00:00:00:09 is taken on bridge br-a by server 'one'",
        TAKEN,
    ),
]


@pytest.mark.parametrize(("action", "message", "hint"), TOLD, ids=[text[:50] for _, text, _ in TOLD])
def test_the_message_says_what_happened_and_the_hint_what_to_do(
    action: Callable[[], object], message: str, hint: str
) -> None:
    """Word for word: a message is one line for people, ASCII, and found again in ``message``."""
    with pytest.raises(SharesError) as told:
        action()
    assert (message, message, hint) == (str(told.value), told.value.message, told.value.hint)
