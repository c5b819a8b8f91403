"""Bridges, and the interfaces of servers on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from shares_core.domain.addresses import BridgeName
from shares_core.domain.network import Bridge, Interface


class Network(ABC):
    """Layer 2 between a server and its tenant; the host stays out of it unless it was given an address.

    ``ensure_bridge``, ``remove_bridge`` and ``plug`` raise Busy where others work on bridges for too long.
    """

    @abstractmethod
    def ensure_bridge(self, bridge: Bridge) -> None:
        """Make the bridge, with its host addresses and closed to all else.

        Idempotent, and mends what differs on a bridge of ours, also where a firewall's restart has opened
        it. Raises Conflict where a device of that name exists that is not ours, or the network of a host
        address overlaps one that the host has on another device. Half-done leaves a bridge that is closed.
        """

    @abstractmethod
    def remove_bridge(self, name: BridgeName) -> None:
        """Remove the bridge if it is ours and has no port left, else leave it. Idempotent."""

    @abstractmethod
    def plug(self, server_id: str, interface: Interface, index: int, namespace: str) -> None:
        """Put the interface into the running container as ``eth<index>``, with its addresses and routes.

        Ensures its bridge, also where that is removed by another caller meanwhile, and raises Conflict as
        that does, also for a device of the interface's name that is not ours; BackendFailure where the
        namespace is gone. Idempotent: an interface that is there is completed, and filtered again. Half-done
        leaves a device that ``unplug`` finds, and that carries no traffic before it is complete.
        """

    @abstractmethod
    def unplug(self, interface: Interface) -> None:
        """Remove the interface, at both its ends. Idempotent; a device that is not ours is left."""

    @abstractmethod
    def unplugged(self, interfaces: Iterable[Interface]) -> tuple[Interface, ...]:
        """Those whose host's end is not there, up, on its bridge, filtered and let through.

        Those too whose bridge is not what it should be: its host addresses, its MTU.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove the device of that name, one of those that ``list`` gives. Idempotent.

        Raises BackendFailure for a bridge that has a port; a device that is not ours is left.
        """

    @abstractmethod
    def list(self) -> tuple[str, ...]:
        """The names of this installation's devices: bridges and the host's ends of interfaces."""
