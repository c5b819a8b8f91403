from __future__ import annotations

from ipaddress import ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares_core.domain.addresses import BridgeName, MacAddress, parse_gateway, parse_interface_address
from shares_core.domain.errors import InvalidInput


@given(st.ip_addresses(), st.data())
def test_an_accepted_address_prints_as_it_was_read(ip: Any, data: st.DataObject) -> None:
    """Parsing a printed address returns the same address."""
    prefix = data.draw(st.integers(0, ip.max_prefixlen))
    try:
        address = parse_interface_address(f"{ip}/{prefix}")
    except InvalidInput:
        return
    assert address == parse_interface_address(str(address))
    assert not (ip.is_multicast)
    assert not (ip.is_loopback)
    assert not (ip.is_unspecified)
    assert not (ip.is_link_local)


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.5",
        "10.0.0.5/33",
        "10.0.0/24",
        "10.0.0.0/24",
        "10.0.0.255/24",
        "127.0.0.1/8",
        "0.0.0.0/0",
        "",
        "/",
        "224.0.0.1/4",
        "fe80::1/64",
        "fe80::1%eth0/64",
        "::1/128",
        "ff02::1/64",
        "fd00::/64",
        "255.255.255.255/32",
        "10.0.0.5/24;ls",
        "x" * 1000,
        "300.1.1.1/24",
        "169.254.1.1/16",
        "240.0.0.1/8",
    ],
)
def test_an_address_that_no_server_can_have_is_refused(text: str) -> None:
    """It is malformed, has no prefix, or is not a host's."""
    with pytest.raises(InvalidInput):
        parse_interface_address(text)


@pytest.mark.parametrize("text", ["10.0.0.1/31", "10.0.0.0/31", "10.0.0.1/32", "fd00::5/64", "fd00::5/127"])
def test_an_address_that_a_server_can_have_is_accepted(text: str) -> None:
    """Small networks have no network and broadcast addresses."""
    assert ip_interface(text) == parse_interface_address(text)


@pytest.mark.parametrize("text", ["", "10.0.0.1/24", "fe80::1%eth0", "x"])
def test_a_gateway_is_only_an_address(text: str) -> None:
    """It has neither a prefix nor a scope."""
    with pytest.raises(InvalidInput):
        parse_gateway(text)


@pytest.mark.parametrize(
    "text", ["01:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01", "0:0:0:0:0:1"]
)
def test_a_multicast_or_malformed_mac_is_refused(text: str) -> None:
    """An interface has a unicast address."""
    with pytest.raises(InvalidInput):
        MacAddress(text)
    for other in (
        "",
        "00:00:00:00:00:00",
        "02:00:00:aa:bb:cc:dd",
        "02:00:00:aa:bb:gg",
        "02:00:00:aa:bb:cc\n",
    ):
        with pytest.raises(InvalidInput):
            MacAddress(other)


@given(st.binary(min_size=6, max_size=6))
def test_a_derived_mac_is_unicast_and_local(seed: bytes) -> None:
    """It cannot meet a real card's address."""
    mac = MacAddress.derived_from(seed.hex())
    assert "02" == str(mac)[:2]
    assert mac == MacAddress(str(mac).upper().replace(":", "-"))


@pytest.mark.parametrize(
    "text", ["", "-x", "a b", "a/b", "x" * 16, "all", "lo", "default", "a\n", "é", "br%0"]
)
def test_a_bridge_that_the_kernel_would_not_take_is_refused(text: str) -> None:
    """Names are short and plain."""
    with pytest.raises(InvalidInput):
        BridgeName(text)
