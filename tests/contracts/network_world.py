"""The world of the suite of networks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from ipaddress import ip_interface

from attrs import frozen

from shares_core.domain.addresses import BridgeName
from shares_core.domain.network import Interface
from tests.contracts.world import World

ADDRESS = ip_interface("10.214.0.5/24")


@frozen
class Plugged:
    """An interface inside the container."""

    addresses: frozenset[str]
    mac: str
    gateways: frozenset[str]

    @classmethod
    def of(cls, interface: Interface) -> Plugged:
        """The complete interface inside the container."""
        return cls(
            frozenset(map(str, interface.addresses)),
            str(interface.mac),
            frozenset(map(str, interface.gateways)),
        )


class NetworkWorld(World):
    """A host whose devices can be looked at."""

    @abstractmethod
    def new_name(self) -> BridgeName:
        """A name that no device has."""

    @abstractmethod
    def new_namespace(self) -> tuple[str, str]:
        """A running server's id, and its network namespace."""

    @abstractmethod
    def foreign_device(self, name: str, *addresses: str) -> None:
        """Make a device that is not this installation's, up and with these addresses of the host."""

    @abstractmethod
    def is_there(self, name: str) -> bool:
        """Whether the host has a device of that name."""

    @abstractmethod
    def bridge_is(self, name: BridgeName) -> tuple[frozenset[str], int]:
        """The host's addresses on the bridge, and its MTU."""

    @abstractmethod
    def inside(self, namespace: str, index: int) -> Plugged | None:
        """The container's end of an interface, or None if it does not exist."""

    @abstractmethod
    def half_made_bridge(self, server_id: str, interface: Interface, namespace: str, step: int) -> None:
        """What a ``plug`` leaves that is killed while making the bridge, early (1) or later (2)."""

    @abstractmethod
    def half_plugged(self, server_id: str, interface: Interface, namespace: str, step: int) -> None:
        """What a ``plug`` as ``eth0`` leaves that is killed from early (1) to late (4)."""

    @abstractmethod
    def client_of(self, interface: Interface) -> Callable[[], bool]:
        """A client on the plugged interface's bridge, which has reached each of its addresses.

        Returns a function that says whether it reaches them within a second.
        """

    @abstractmethod
    def carries(self, name: str) -> bool:
        """Whether frames pass the device."""

    @abstractmethod
    def is_filtered(self, name: str) -> bool:
        """Whether packets from the device are filtered."""

    @abstractmethod
    def flush_filters(self) -> None:
        """Remove all filters, as a restart of the firewall does."""

    @abstractmethod
    def lose_device(self, name: str) -> None:
        """Remove a device from under its filter, as the kernel does with a port of a container that ends."""
