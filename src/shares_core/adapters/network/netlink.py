"""Netlink, and the kernel's settings of devices, for the network adapter."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from ipaddress import ip_interface
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from shares_core.adapters.linux.oserrors import os_errors
from shares_core.domain.errors import BackendFailure, HostNotReady

if TYPE_CHECKING:
    from pyroute2 import IPRoute

T = TypeVar("T")

UP = 0x1  # IFF_UP
_NO_DUPLICATE_DETECTION = 0x02  # IFA_F_NODAD: it would keep an IPv6 address from working for 1.8 s


@contextmanager
def netlink_socket(doing: str) -> Iterator[IPRoute]:
    """A netlink socket, with its errors translated."""
    from pyroute2 import IPRoute

    with translated(doing), IPRoute() as netlink:
        yield netlink


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Translate netlink's errors. Raises BackendFailure, HostNotReady."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except NetlinkError as error:
        if error.code in (errno.EPERM, errno.EACCES):
            raise HostNotReady(f"{doing}: not permitted", hint="run it as root") from error
        raise BackendFailure(f"{doing}: the kernel says: {error.args[-1]}") from error
    except OSError as error:
        raise BackendFailure(f"{doing}: {error}") from error


def in_namespace(namespace: str, work: Callable[[IPRoute], T]) -> T:
    """Do ``work`` with a netlink socket inside another network namespace, and return its answer.

    Uses a thread that enters the namespace and ends with the work. pyroute2 itself would fork, and if a
    caller's signal handler raised, the child would unwind, and undo, too.
    """

    def enter_and_work() -> T:
        from pyroute2 import IPRoute, netns

        netns.setns(namespace, flags=0)
        with IPRoute() as inside:
            return work(inside)

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(enter_and_work).result()


@contextmanager
def ignoring(code: int) -> Iterator[None]:
    """Go on after the block if the kernel refuses with that error."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except NetlinkError as error:
        if error.code != code:
            raise


def gone_is_fine() -> AbstractContextManager[None]:
    return ignoring(errno.ENODEV)


def absent_is_fine() -> AbstractContextManager[None]:
    return ignoring(errno.ENOENT)


def add_address(netlink: IPRoute, index: int, text: str) -> None:
    address = ip_interface(text)
    flags: dict[str, Any] = {"flags": _NO_DUPLICATE_DETECTION} if address.version == 6 else {}
    netlink.addr(
        "replace", index=index, address=str(address.ip), prefixlen=address.network.prefixlen, **flags
    )


def find_link(netlink: IPRoute, name: str) -> Any | None:
    """The device of that name, or None."""
    for index in netlink.link_lookup(ifname=name):
        with gone_is_fine():
            return netlink.get_links(index)[0]
    return None


def existing_link(netlink: IPRoute, name: str) -> Any:
    """The device of that name, which existed just now. Raises BackendFailure."""
    link = find_link(netlink, name)
    if link is None:
        raise BackendFailure(
            f"device {name} vanished while it was being set up",
            hint="a container takes its devices along when it ends: look at its log, and try again",
        )
    return link


def addresses_of(netlink: IPRoute, index: int) -> set[str]:
    """The device's addresses with their prefixes, without the kernel's own link-local ones."""
    found = (ip_interface(f"{a.get('address')}/{a['prefixlen']}") for a in netlink.get_addr(index=index))
    return {str(address) for address in found if not address.ip.is_link_local}


def write_sysctl(path: str, value: str) -> None:
    """Write ``path`` below /proc/sys/net; a kernel without IPv6 has no IPv6 settings, and needs none."""
    with os_errors(f"setting net/{path}"), suppress(FileNotFoundError):
        (Path("/proc/sys/net") / path).write_text(value)
