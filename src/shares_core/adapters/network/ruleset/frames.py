"""What clients and a server send each other over a bridge, as far as a packet filter can see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from attrs import evolve, frozen

IpNetwork = IPv4Network | IPv6Network

#: Of a name that a filter may ask for: what it can be. None is anything, and the empty set is that there is
#: none.
Possible = frozenset[str] | None
_NONE: frozenset[str] = frozenset()


class Hook(StrEnum):
    """Where filters see a frame that stays on a bridge, in its order."""

    INGRESS = "ingress"
    PREROUTING = "prerouting"
    FORWARD = "forward"
    POSTROUTING = "postrouting"


@frozen
class Facts:
    """What a filter can ask of a frame: names, TCP ports by their keys, and the network of both addresses."""

    names: Mapping[str, Possible]
    ports: Mapping[str, int]
    is_tcp: bool | None
    network: IpNetwork | None


@frozen
class Frame:
    """One kind of frame that stays on ``bridge``, between a client and a server of the same network.

    ``ports`` are the bridge's. None is what is not known; a TCP port of 0 is one that the client chose.
    ``opens`` means the first frame of a connection, and ``state`` is what connection tracking says of it.
    ``routed`` means that br_netfilter shows it to the filters of routed packets too.
    """

    bridge: str
    version: int
    network: IpNetwork | None
    ports: Possible = None
    ether: str = "ip"
    protocol: str | None = "tcp"
    source_port: int = 0
    destination_port: int = 0
    state: str | None = "established"
    opens: bool | None = False
    routed: bool = True

    def seen_by(self, family: str) -> bool:
        """Whether filters of this family look at it at all."""
        if family in ("bridge", "netdev"):
            return True
        return (
            self.routed and self.ether != "arp" and family in ("inet", "ip" if self.version == 4 else "ip6")
        )

    def at(self, family: str, hook: str) -> Facts:
        """What filters of the family know of it at the hook."""
        on_ports = family in ("bridge", "netdev")
        device = self.ports if on_ports else frozenset((self.bridge,))  # br_netfilter shows the bridge itself
        return Facts(
            {
                "iif": _NONE if hook == Hook.POSTROUTING else device,
                "oif": _NONE if hook in (Hook.PREROUTING, Hook.INGRESS) else device,
                "port": self.ports,
                "bridge": frozenset((self.bridge,)),
                "protocol": _NONE if self.protocol == "" else _only(self.protocol),
                "state": _only(self.state),
                "ether": frozenset((self.ether,)),
                "bridged": frozenset(("yes",)),
                "opens": None if self.opens is None else frozenset(("yes" if self.opens else "no",)),
                "nat": frozenset(("none",)),
            },
            {"sport": self.source_port, "dport": self.destination_port},
            None if self.protocol is None else self.protocol == "tcp",
            self.network,
        )


def _only(value: str | None) -> Possible:
    return None if value is None else frozenset((value,))


def anything(bridge: str, version: int) -> Frame:
    """A frame of which only the bridge is known."""
    return Frame(bridge, version, None, protocol=None, state=None, opens=None)


def conversation(
    bridge: str, network: IpNetwork, port: int, *, ports: Possible = None, routed: bool = True
) -> Iterator[Frame]:
    """The frames without which no client in the network reaches the TCP ``port`` of a server there."""
    v4 = network.version == 4
    frame = Frame(bridge, network.version, network, ports, ether="ip" if v4 else "ip6", routed=routed)
    finding = evolve(frame, protocol="" if v4 else "icmpv6", state="untracked")
    yield evolve(finding, ether="arp") if v4 else finding
    yield evolve(frame, destination_port=port, state="new", opens=True)
    yield evolve(frame, source_port=port)
    yield evolve(frame, destination_port=port)
