"""What the network adapter does without a device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from attrs import evolve
from tests.unit.adapters.values import INTERFACE

from shares_core.adapters.linux.files import make_private_folder
from shares_core.adapters.network.adapter import LinuxNetwork
from shares_core.adapters.network.netlink import existing_link, netlink_socket
from shares_core.adapters.samba.profile import SMB
from shares_core.adapters.state.installation import Installation
from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.locks import FileLocks, file_lock
from shares_core.domain.addresses import BridgeName
from shares_core.domain.attachment import Attachment, BridgeAttachment
from shares_core.domain.errors import BackendFailure, Busy

if TYPE_CHECKING:
    from pyroute2 import IPRoute

INTERFACE = evolve(INTERFACE, attachment=BridgeAttachment(BridgeName("sct-absent")))


@pytest.mark.parametrize(
    "verb",
    [
        lambda network: network.release([INTERFACE], []),
        lambda network: network._bridges.complete(cast("IPRoute", None), INTERFACE, ""),
    ],
    ids=["release", "make"],
)
def test_a_bridge_is_made_and_removed_by_one_caller_at_a_time(
    tmp_path: Path, verb: Callable[[LinuxNetwork], None]
) -> None:
    """Others get Busy, and touch nothing; servers' locks do not matter."""
    layout = Layout(tmp_path)
    network = LinuxNetwork(SMB, layout, Installation(layout, 0), 0)
    make_private_folder(layout.locks)
    with file_lock(layout.locks / "bridges.lock", 0, "bridges"), pytest.raises(Busy, match="the bridges"):
        verb(network)
    assert not layout.installation.exists()
    with FileLocks(layout, 0).server("one"), network._bridges._alone():
        pass


def test_a_vanished_device_is_a_backend_failure() -> None:
    """The error says so; an existing device is returned."""
    with netlink_socket("looking") as netlink:
        assert "lo" == existing_link(netlink, "lo").get("ifname")
        with pytest.raises(BackendFailure, match="sct-absent vanished") as told:
            existing_link(netlink, "sct-absent")
    assert told.value.hint


def test_every_kind_of_attachment_has_a_driver(tmp_path: Path) -> None:
    """A new one cannot be forgotten."""
    layout = Layout(tmp_path)
    network = LinuxNetwork(SMB, layout, Installation(layout, 0), 0)
    assert set(Attachment.__subclasses__()) == set(network._drivers)
