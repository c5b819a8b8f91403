"""The frames that tell a network which MAC an address has."""

from __future__ import annotations

from attrs import evolve
from tests.unit.adapters.values import INTERFACE

from shares_core.adapters.network.announcing import render_announcements

#: As Linux 6.18 sent them, with arp_notify and ndisc_notify, for these addresses.
ARP = "ffffffffffff020000aabbcc0806000108000604000102 0000aabbcc0a000005 000000000000 0a000005"
ADVERT = (
    "333300000001 020000aabbcc 86dd 60000000 0020 3a ff"
    "fd00000a000000000000000000000005 ff020000000000000000000000000001"
    "88009e09 20000000 fd00000a000000000000000000000005 02 01 020000aabbcc"
)


def test_announcements_byte_for_byte() -> None:
    """An ARP request for itself, and an unsolicited advertisement that replaces what clients have."""
    assert (bytes.fromhex(ARP), bytes.fromhex(ADVERT)) == render_announcements(INTERFACE)


def test_only_what_the_interface_has_is_announced() -> None:
    """Not a version that it has no address of."""
    v4, v6 = INTERFACE.addresses
    assert bytes.fromhex(ARP) in render_announcements(evolve(INTERFACE, addresses=(v4,)))
    assert (bytes.fromhex(ADVERT),) == render_announcements(evolve(INTERFACE, addresses=(v6,)))
