"""A service's needs are data: SMB's values, and those of another service."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import evolve

import shares_core
from shares_core.adapters.containers.runtime import is_listening
from shares_core.adapters.containers.settings import Limits, container_settings, fingerprint
from shares_core.adapters.samba.profile import SMB
from shares_core.adapters.state.layout import Layout
from shares_core.domain.capacity import GIB, Capacity
from shares_core.domain.service import (
    Capabilities,
    FolderMount,
    Identity,
    ServerFolder,
    ServiceProfile,
    TcpPort,
)

_LAYOUT, _LIMITS = Layout(Path("/var/lib/shares-core")), Limits(Capacity(1 * GIB), 1024)
#: A service that differs from SMB in everything.
_NFS = ServiceProfile(
    process="ganesha",
    image="ganesha",
    ports=(TcpPort(2049), TcpPort(20049)),
    probe=TcpPort(2049),
    mounts=(FolderMount(ServerFolder.SHARES, "/exports", live=True),),
    identity=Identity(user=0, group=100),
    capabilities=Capabilities(dropped=("NET_RAW",), added=("DAC_READ_SEARCH",)),
    sysctls={"net.ipv4.tcp_keepalive_time": "60"},
    tmpfs=("/var/run/ganesha",),
)
_SERVER = "0123456789ab"
_UID = 2_000_000
#: What no other module may know. A folder inside a container, unlike one on the host, is an absolute path.
_SMBS_WORDS = re.compile(r"\b445\b|\b01BD\b|\bsmbd\b|[\"'](/config|/private|/shares)\b|[\"']ALL[\"']")
#: SMB's adapter and port, and two stand-ins: the service in memory, and the demo's client.
_SMBS_OWN = ("adapters/samba/", "ports/smb.py", "testing/", "entrypoints/")


def test_only_smbs_own_modules_know_its_port_its_paths_and_its_program() -> None:
    """Runtime, filters and folders get them as arguments."""
    package = Path(shares_core.__file__).parent
    sources = {str(path.relative_to(package)): path.read_text() for path in package.rglob("*.py")}
    assert _SMBS_WORDS.search(sources["adapters/samba/profile.py"])
    others = {name: text for name, text in sources.items() if not name.startswith(_SMBS_OWN)}
    assert {"adapters/containers/runtime.py", "adapters/network/filters.py"} <= others.keys()
    found = {name: [found[0] for found in _SMBS_WORDS.finditer(text)] for name, text in others.items()}
    assert {} == {name: words for name, words in found.items() if words}


def test_a_container_of_the_first_release_is_not_outdated() -> None:
    """Another fingerprint would replace every server after an upgrade of the library."""
    settings = container_settings(SMB, _LAYOUT, _SERVER, _UID, _LIMITS)
    assert "8cc824629554" == fingerprint(settings)


def test_a_service_gets_what_its_profile_says() -> None:
    """It gets nothing of SMB."""
    settings = container_settings(_NFS, _LAYOUT, _SERVER, _UID, _LIMITS)
    assert ["NET_RAW"] == settings["cap_drop"]
    assert ["DAC_READ_SEARCH"] == settings["cap_add"]
    (mount,) = settings["mounts"]
    assert ("/exports", str(_LAYOUT.shares(_SERVER))) == (mount["Target"], mount["Source"])
    assert "rslave" == mount["BindOptions"]["Propagation"]
    assert ["/var/run/ganesha"] == list(settings["tmpfs"])
    assert settings["tmpfs"]["/var/run/ganesha"].startswith("uid=0,gid=100,")
    assert "60" == settings["sysctls"]["net.ipv4.tcp_keepalive_time"]
    assert "net.ipv4.ip_unprivileged_port_start" not in settings["sysctls"]


def test_a_container_without_capabilities_says_nothing_of_others() -> None:
    """An empty setting differs from a missing one in comparisons."""
    none = evolve(SMB, capabilities=Capabilities(dropped=()))
    settings = container_settings(none, _LAYOUT, _SERVER, _UID, _LIMITS)
    assert {"cap_drop", "cap_add"}.isdisjoint(settings)


def test_a_service_is_ready_when_it_listens_on_its_probe(tmp_path: Path) -> None:
    """By IPv4 or IPv6; a connection on that port does not count."""
    namespace = tmp_path / "ns" / "net"
    tables = tmp_path / "net"
    tables.mkdir()
    (tables / "tcp").write_text(
        "   0: 00000000:0801 00000000:0000 0A 00000000:00000000\n"
        "   1: 0100007F:01BD 0100007F:D431 01 00000000:00000000\n"
    )
    assert is_listening(namespace, TcpPort(2049))
    assert not is_listening(namespace, TcpPort(445))
    address = "0" * 32
    (tables / "tcp6").write_text(f"   0: {address}:01BD {address}:0000 0A 00000000:00000000\n")
    assert is_listening(namespace, TcpPort(445))
