"""An operation of every kind, and shares in every status."""

from __future__ import annotations

from attrs import evolve

from shares_core.app.operations.check_share import CheckShare, CheckStage
from shares_core.app.operations.create_server import CreateServer
from shares_core.app.operations.create_share import CreateShare
from shares_core.app.operations.create_snapshot import CreateSnapshot
from shares_core.app.operations.delete_server import DeleteServer
from shares_core.app.operations.delete_share import DeleteShare, DeleteStage
from shares_core.app.operations.delete_snapshot import DeleteSnapshot
from shares_core.app.operations.end_sessions import EndSessions
from shares_core.app.operations.extend_share import ExtendShare, ExtendStage
from shares_core.app.operations.grant_access import GrantAccess
from shares_core.app.operations.rename_share import RenameShare
from shares_core.app.operations.restrict_access import RestrictAccess
from shares_core.app.operations.revert_share import RevertShare
from shares_core.app.operations.set_options import SetOptions
from shares_core.app.operations.set_protection import SetProtection
from shares_core.app.operations.shrink_share import ShrinkShare
from shares_core.app.operations.unexport_snapshot import UnexportSnapshot
from shares_core.domain.access import AccessRule
from shares_core.domain.capacity import GIB, Capacity
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.operation import ServerOperation, ShareOperation
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.share import CifsShare, Failure, ShareStatus
from shares_core.domain.snapshots import Snapshot, SnapshotName
from shares_core.domain.volume import DEFAULT_POOL, VolumeRef

ID, SINCE = "0badc0ffee00", 1_790_000_000
_RULES = (AccessRule.for_user("ada", "rw"), AccessRule.for_user("bob", "ro"))


def extending(share_id: str, stage: ExtendStage = ExtendStage.UNMOUNTED) -> ExtendShare:
    return ExtendShare(
        id=ID,
        since=SINCE,
        share_id=share_id,
        before=Capacity(GIB),
        after=Capacity(2 * GIB),
        volume_before=Capacity(GIB + 4096),
        stage=stage,
    )


def server_operations(share_id: str) -> tuple[ServerOperation, ...]:
    """One operation of each kind that holds its server."""
    ada, bob = UserName("ada"), UserName("bob")
    return (
        CreateServer(id=ID, since=SINCE),
        DeleteServer(id=ID, since=SINCE),
        GrantAccess(id=ID, since=SINCE, export_id=share_id, rules=_RULES, accounts=(ada,)),
        RestrictAccess(id=ID, since=SINCE, export_id=share_id, users=(ada, bob)),
        EndSessions(id=ID, since=SINCE, user=ada),
        SetProtection(id=ID, since=SINCE, restarts=True),
        SetOptions(id=ID, since=SINCE, share_id=share_id, clears_bin=True),
        RenameShare(id=ID, since=SINCE, share_id=share_id, former=ShareName("former")),
        UnexportSnapshot(id=ID, since=SINCE, snapshot_id=SNAPSHOT.id),
    )


#: The states in which clients use a share; in the others an operation may serve it, or not.
SERVED = frozenset((ShareStatus.READY, ShareStatus.SNAPSHOTTING))
SNAPSHOT = Snapshot("5a5a5a5a5a5a", SnapshotName("before"), 1_700_000_000, Capacity(GIB))


def share_operations(share_id: str) -> tuple[ShareOperation, ...]:
    """One operation of each kind and stage that holds its share."""
    return (
        CreateShare(id=ID, since=SINCE, share_id=share_id, cancelled=True),
        *(extending(share_id, stage) for stage in ExtendStage),
        *(
            CheckShare(
                id=ID, since=SINCE, share_id=share_id, repair=True, stage=stage, extension=extending(share_id)
            )
            for stage in CheckStage
        ),
        *(DeleteShare(id=ID, since=SINCE, share_id=share_id, stage=stage) for stage in DeleteStage),
        *(
            CreateSnapshot(id=ID, since=SINCE, share_id=share_id, snapshot=SNAPSHOT, way=way)
            for way in SnapshotWay
        ),
        DeleteSnapshot(id=ID, since=SINCE, share_id=share_id, snapshot_id=SNAPSHOT.id),
        *(
            RevertShare(
                id=ID,
                since=SINCE,
                share_id=share_id,
                source_ref=VolumeRef(DEFAULT_POOL, SNAPSHOT.id),
                new=VolumeRef(DEFAULT_POOL, "5b5b5b5b5b5b"),
                former=VolumeRef(DEFAULT_POOL, "5c5c5c5c5c5c"),
                capacity=Capacity(GIB),
                switched=switched,
            )
            for switched in (False, True)
        ),
        ShrinkShare(
            id=ID,
            since=SINCE,
            share_id=share_id,
            new=VolumeRef(DEFAULT_POOL, "5d5d5d5d5d5d"),
            former=VolumeRef(DEFAULT_POOL, "5e5e5e5e5e5e"),
            capacity=Capacity(GIB),
        ),
    )


def in_status(share: CifsShare, status: ShareStatus, reason: str = "gone") -> CifsShare:
    """The share in that status, by an operation that does not serve it if there is one, or by a failure."""
    if status is ShareStatus.READY:
        return share.ready()
    if status is ShareStatus.FAILED:
        return share.failed(Failure.unavailable(reason))
    fitting = [each for each in share_operations(share.id) if each.status is status]
    return evolve(share, operation=min(fitting, key=lambda each: each.serves), failure=None)
