"""A server that has one of everything, for tests of what is rendered and recorded."""

from __future__ import annotations

from attrs import evolve
from tests.contracts.operations import extending

from shares_core.domain.access import AccessRule
from shares_core.domain.addresses import MacAddress
from shares_core.domain.attachment import BridgeAttachment
from shares_core.domain.capacity import GIB, Capacity
from shares_core.domain.names import ServerName, ShareName, UserName
from shares_core.domain.network import Interface, InterfaceSpec
from shares_core.domain.server import Account, DesiredState, ShareServer
from shares_core.domain.share import CifsShare, Failure
from shares_core.domain.volume import (
    DEFAULT_POOL,
    FileSystem,
    FileSystemKind,
    ShareVolume,
    VolumeRef,
    VolumeTraits,
)

_SPEC = InterfaceSpec.parse(
    bridge="tenant-a",
    addresses=["10.0.0.5/24", "fd00:a::5/64"],
    gateways=["10.0.0.1", "fd00:a::1"],
    host_addresses=["10.0.0.254/24"],
)
assert _SPEC.bridge is not None
INTERFACE = Interface(
    id="0123456789ab",
    attachment=BridgeAttachment(_SPEC.bridge),
    addresses=_SPEC.addresses,
    mac=MacAddress("02:00:00:aa:bb:cc"),
    mtu=1450,
    gateways=_SPEC.gateways,
    host_addresses=_SPEC.host_addresses,
)
RULES = (AccessRule.for_user("ada", "rw"), AccessRule.for_user("bob", "ro"))
SHARE = CifsShare(
    id="5aaaaaaaaaaa",
    name=ShareName("R&D 2026"),
    capacity=Capacity(3 * GIB + 1),
    volume=ShareVolume(
        ref=VolumeRef(DEFAULT_POOL, "7bbbbbbbbbbb"),
        filesystem=FileSystem(FileSystemKind.XFS, "6a1b0c9e-1111-4222-8333-444455556666"),
        owner=2_000_007,
        traits=VolumeTraits(thin=True, zeroed=True, discards=True),
    ),
    rules=RULES,
)
SERVER = ShareServer(
    id="feedfacecafe",
    name=ServerName("tenant-a"),
    uid=2_000_007,
    interfaces=(INTERFACE,),
    desired=DesiredState.STOPPED,
    shares=(
        SHARE,
        evolve(
            SHARE,
            id="5bbbbbbbbbbb",
            name=ShareName("failed"),
            operation=extending("5bbbbbbbbbbb"),
            failure=Failure.unavailable("gone"),
        ),
    ),
    accounts=(Account(UserName("ada"), 10_000), Account(UserName("bob"), 10_001)),
)
