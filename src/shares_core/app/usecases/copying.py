"""Whether a caller agrees that data is copied, which takes time and room, and may keep writers out."""

from __future__ import annotations

from shares_core.domain.checks import require
from shares_core.domain.errors import Conflict
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.remedy import Parameter, Remedy
from shares_core.domain.share import CifsShare
from shares_core.domain.volume import PoolName
from shares_core.ports import Ports


def require_agreed(
    ports: Ports, share: CifsShare, copy: bool, *, meanwhile: str = "", into: PoolName | None = None
) -> SnapshotWay:
    """How the share's volume gets a snapshot, or a copy in the pool ``into``.

    Raises Conflict, which says what is copied and what that means ``meanwhile``, unless nothing has to be, or
    ``copy`` says that it may.
    """
    require(copy, bool, "copy", hint="True or False")
    own = share.volume.pool
    elsewhere = into not in (None, own)
    way = SnapshotWay.COPYING if elsewhere else ports.storage.snapshot_way(own)
    if copy or not way.copies:
        return way
    why = f"in another pool, {into}" if elsewhere else f"the volumes in the pool {own} cannot share blocks"
    raise Conflict(
        f"{share.capacity} have to be copied: {why}",
        hint=Remedy.of("say ", Parameter("copy"), " if they may; ", meanwhile or _SNAPSHOT[way]),
    )


_SNAPSHOT = {
    SnapshotWay.COPYING: "its clients go on meanwhile",
    SnapshotWay.COPYING_READ_ONLY: "its clients can only read meanwhile",
}
#: Of what is done with a share that is withdrawn, and with one that is not there yet.
UNSERVED, NOT_THERE_YET = "the share is not served meanwhile", "the new share is there when that is done"
