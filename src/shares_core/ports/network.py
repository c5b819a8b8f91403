"""The interfaces of servers, and what they are attached to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from shares_core.domain.network import Interface


class Network(ABC):
    """Layer 2 between a server and its tenant; the host stays out of it unless it was given an address.

    The device that interfaces are attached to, like a bridge, comes with the first of them and is removed
    after the last. ``plug``, ``release`` and ``remove`` raise Busy if others work on such devices for too
    long.
    """

    @abstractmethod
    def plug(self, server_id: str, interface: Interface, index: int, namespace: str) -> None:
        """Put the interface into the running container as ``eth<index>``, with its addresses and routes.

        Makes what it is attached to, with the host's addresses and closed to all else, also if another caller
        removes that meanwhile. Idempotent: an interface that is there is completed, and filtered again, for
        a firewall's restart may have opened it; what differs on the device that it is attached to is mended.
        Raises Conflict if there is a device of either name that is not ours, or the network of a host
        address overlaps one that the host has on another device; BackendFailure if the namespace is gone.
        Half-done leaves devices that ``unplug`` and ``release`` find, that are closed, and that carry no
        traffic before they are complete.
        """

    @abstractmethod
    def unplug(self, interface: Interface) -> None:
        """Remove the interface, at both its ends. Idempotent; a device that is not ours is left."""

    @abstractmethod
    def release(self, interfaces: Iterable[Interface], others: Iterable[Interface]) -> tuple[str, ...]:
        """Remove what the unplugged interfaces were attached to, unless one of ``others`` is as well.

        Idempotent; a device that is not ours is left. So is one of ours while something is plugged into it,
        of whoever it is: those are given, by their names.
        """

    @abstractmethod
    def unplugged(self, interfaces: Iterable[Interface]) -> tuple[Interface, ...]:
        """Those whose host's end is not there, up, attached, filtered and let through.

        Those too whose attachment is not what it should be: its host addresses, its MTU.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove the device of that name, one of those that ``list`` gives. Idempotent.

        Its packet filter goes with it; a device that is not ours is left. Raises BackendFailure for one that
        something is plugged into.
        """

    @abstractmethod
    def list(self) -> tuple[str, ...]:
        """The names of this installation's devices: hosts' ends, and what interfaces are attached to.

        Those too of which no more is left than a packet filter.
        """
