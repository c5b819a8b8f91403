from __future__ import annotations

from ipaddress import ip_address
from pathlib import PureWindowsPath

import pytest

from shares_core.domain.locations import ClientKind, locations_at
from shares_core.domain.names import ShareName


@pytest.mark.parametrize("name", ["files", "R&D 2026", "Büro", "old$"])
@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("10.254.0.2", "10.254.0.2"),
        ("fd00::5", "fd00--5.ipv6-literal.net"),
        ("2001:db8:1:2:3:4:5:6", "2001-db8-1-2-3-4-5-6.ipv6-literal.net"),
        ("::1", "--1.ipv6-literal.net"),
    ],
)
def test_each_client_gets_a_location_that_it_takes(address: str, host: str, name: str) -> None:
    """Windows' is a UNC path, with a host and a share; a colon would make it none."""
    windows, linux = locations_at(ip_address(address), ShareName(name))
    assert (ClientKind.WINDOWS, ClientKind.LINUX) == (windows.client, linux.client)
    assert rf"\\{host}\{name}" == windows.location
    assert rf"\\{host}\{name}".rstrip("\\") + "\\" == PureWindowsPath(windows.location).anchor
    assert f"//{address}/{name}" == linux.location
