"""The needs of a service make sense."""

from __future__ import annotations

import pytest

from shares_core.domain.errors import InvalidInput
from shares_core.domain.service import (
    Capabilities,
    FolderMount,
    Identity,
    ServerFolder,
    ServiceProfile,
    TcpPort,
)


def _profile(*, probe: int = 445, tmpfs: tuple[str, ...] = ("/run",)) -> ServiceProfile:
    return ServiceProfile(
        process="smbd",
        image="samba",
        ports=(TcpPort(445),),
        probe=TcpPort(probe),
        mounts=(),
        identity=Identity(),
        capabilities=Capabilities(dropped=("ALL",)),
        sysctls={},
        tmpfs=tmpfs,
    )


@pytest.mark.parametrize("number", [0, -1, 65536, "445", None])
def test_a_port_has_a_valid_number(number: object) -> None:
    """It ends up in the packet filters' language."""
    with pytest.raises(InvalidInput, match="is not a TCP port"):
        TcpPort(number)  # type: ignore[arg-type]
    assert ("1/tcp", "65535/tcp") == (str(TcpPort(1)), str(TcpPort(65535)))


@pytest.mark.parametrize("path", ["run", "", "/", "/run/", "/a b", "/a,size=1", "/a/../b", None])
def test_a_folder_inside_is_a_plain_path_from_root(path: str) -> None:
    """It ends up among the options of a mount."""
    with pytest.raises(InvalidInput, match="is not a path inside a container"):
        FolderMount(ServerFolder.CONFIG, path)
    with pytest.raises(InvalidInput, match="is not a path inside a container"):
        _profile(tmpfs=("/run", path))


def test_a_service_is_probed_on_one_of_its_ports() -> None:
    """It would never listen on another one."""
    assert TcpPort(445) == _profile().probe
    with pytest.raises(InvalidInput, match="probed on 446/tcp"):
        _profile(probe=446)


def test_a_service_runs_as_the_servers_user_by_default() -> None:
    """User and group can be set separately."""
    assert [(7, 7), (0, 7), (7, 100)] == [
        each.of(7) for each in (Identity(), Identity(user=0), Identity(group=100))
    ]
