"""The interfaces of servers, and what they are attached to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from shares_core.domain.network import Interface


class Network(ABC):
    """Layer 2 between a server and its tenant; the host is not part of it unless it was given an address.

    The device that interfaces are attached to, like a bridge, is made for the first of them and removed after
    the last. ``plug``, ``release`` and ``remove`` raise Busy if others work on such devices for too long.
    """

    @abstractmethod
    def plug(self, server_id: str, interface: Interface, index: int, namespace: str) -> None:
        """Put the interface into the running container as ``eth<index>``, with its addresses and routes.

        Makes the device that it is attached to, with the host's addresses and otherwise closed, also if
        another caller removes that meanwhile. Before a new interface is up, everybody there is told which MAC
        its addresses have: who knew a former interface on one of them reaches this one at once. Idempotent:
        an existing interface is completed, and filtered again, because a restart of the firewall may have
        opened it; differences of the device that it is attached to are repaired. Raises Conflict if a device
        of either name is not ours, or the network of a host address overlaps one of another device of the
        host; BackendFailure if the namespace is gone. Half-done leaves closed devices that ``unplug`` and
        ``release`` find, and that carry no traffic before they are complete.
        """

    @abstractmethod
    def unplug(self, interface: Interface) -> None:
        """Remove both ends of the interface. Idempotent; a device that is not ours is left."""

    @abstractmethod
    def release(self, interfaces: Iterable[Interface], others: Iterable[Interface]) -> tuple[str, ...]:
        """Remove what the unplugged interfaces were attached to, unless one of ``others`` needs it.

        Idempotent; a device that is not ours is left. So is one of ours while anybody's interface is plugged
        into it: the names of these are returned.
        """

    @abstractmethod
    def unplugged(self, interfaces: Iterable[Interface]) -> tuple[Interface, ...]:
        """The interfaces whose host's end is not up, attached, filtered and let through.

        Also those whose attachment has the wrong host addresses or MTU.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove the device of that name, which ``list`` returned. Idempotent.

        Its packet filter goes with it; a device that is not ours is left. Raises BackendFailure if something
        is plugged into it.
        """

    @abstractmethod
    def list(self) -> tuple[str, ...]:
        """The names of this installation's devices: hosts' ends, and the devices that they are attached to.

        Also those of which only a packet filter is left.
        """
