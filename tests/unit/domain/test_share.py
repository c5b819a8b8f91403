from __future__ import annotations

import pytest
from attrs.exceptions import FrozenInstanceError
from tests.contracts.operations import in_status
from tests.contracts.values import new_share_volume

from shares_core.domain.access import AccessRule
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.errors import AlreadyExists, InvalidInput, NoCapacity, NotFound, ShareFailed
from shares_core.domain.names import ServerName, ShareName, UserName
from shares_core.domain.server import FIRST_SERVER_UID, ShareServer, free_uid
from shares_core.domain.share import CifsShare, Failure, FileSystemKind, ShareStatus

RULE = AccessRule.for_user("ada", "rw")
VOLUME = new_share_volume()


def share(name: str = "files", share_id: str = "s1", status: ShareStatus = ShareStatus.READY) -> CifsShare:
    return in_status(CifsShare(share_id, ShareName(name), Capacity(GIB), VOLUME), status)


def server(*shares: CifsShare, uid: int = FIRST_SERVER_UID) -> ShareServer:
    return ShareServer("1", ServerName("tenant"), uid, (), shares=shares)


@pytest.mark.parametrize("status", ShareStatus)
def test_only_a_ready_share_with_a_rule_is_served(status: ShareStatus) -> None:
    """No rule, no section; no whole share, no section. While a snapshot is taken, clients go on."""
    assert not share(status=status).served
    assert (status in (ShareStatus.READY, ShareStatus.SNAPSHOTTING)) == share(status=status).with_rules(
        (RULE,)
    ).served


@pytest.mark.parametrize("status", [status for status in ShareStatus if status is not ShareStatus.READY])
def test_a_share_that_is_not_ready_cannot_be_worked_with(status: ShareStatus) -> None:
    """The error says what is wrong with it."""
    failed = share(status=status).stuck(Failure.unavailable("its volume is missing"))
    with pytest.raises(ShareFailed, match=r"(failed|creating|deleting): its volume is missing"):
        failed.require_ready()


@pytest.mark.parametrize(("kind", "smallest"), [(FileSystemKind.EXT4, 16), (FileSystemKind.XFS, 300)])
def test_a_file_system_has_a_smallest_size(kind: FileSystemKind, smallest: int) -> None:
    """Exactly the smallest is accepted, one byte less is not."""
    kind.check(Capacity(smallest * MIB))
    with pytest.raises(InvalidInput):
        kind.check(Capacity(smallest * MIB - 1))


@pytest.mark.parametrize("text", ["", "EXT4", "btrfs", "ntfs"])
def test_other_file_systems_are_refused(text: str) -> None:
    """There are two kinds."""
    with pytest.raises(InvalidInput):
        FileSystemKind.parse(text)


def test_a_share_is_found_in_any_case() -> None:
    """SMB ignores case."""
    tenant = server(share("Files"))
    assert tenant.shares[0] == tenant.share("fILES")
    with pytest.raises(NotFound):
        tenant.share("other")


def test_two_shares_cannot_differ_only_in_case() -> None:
    """A second one is refused; the same id replaces the first."""
    tenant = server(share("Files"))
    with pytest.raises(AlreadyExists):
        tenant.with_share(share("FILES", "s2"))
    assert (share("FILES"),) == tenant.with_share(share("FILES")).shares


def test_accounts_get_different_ids() -> None:
    """Samba derives a user's SID from the id, so no two accounts may share one."""
    tenant = (
        server().with_account(UserName("ada")).with_account(UserName("bob")).with_account(UserName("ada"))
    )
    assert 2 == len({account.uid for account in tenant.accounts}) == len(tenant.accounts)
    with pytest.raises(AlreadyExists):
        tenant.with_account(UserName("ADA"))
    assert ["bob"] == [str(account.name) for account in tenant.without_account(UserName("ada")).accounts]


def test_servers_get_the_lowest_free_user_id() -> None:
    """An id is reused only when no server has it."""
    assert FIRST_SERVER_UID == free_uid([])
    assert FIRST_SERVER_UID + 1 == free_uid([server(), server(uid=FIRST_SERVER_UID + 2)])


def test_user_ids_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then a new server is refused with NoCapacity."""
    monkeypatch.setattr("shares_core.domain.server._SERVER_UIDS", 1)
    with pytest.raises(NoCapacity):
        free_uid([server()])


def test_values_are_frozen() -> None:
    """Every change returns a new value."""
    with pytest.raises(FrozenInstanceError):
        share().status = ShareStatus.FAILED  # type: ignore[misc]
