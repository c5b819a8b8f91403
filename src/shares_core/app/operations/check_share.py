"""Checking a share's file system thoroughly, and repairing it if a person says so."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from attrs import evolve, frozen

from shares_core.app.lifecycle.shares import fail_share, serve_again
from shares_core.app.operations.extend_share import ExtendShare
from shares_core.app.operations.work import ShareWork
from shares_core.domain.errors import ShareDamaged, ShareFailed
from shares_core.domain.operation import ShareOperation, ShareStatus
from shares_core.domain.share import Failure


class CheckStage(StrEnum):
    """The stages of a check."""

    EXAMINING = "examining"
    #: Damage was found, and a person asked for a repair.
    REPAIRING = "repairing"


@frozen
class Checked:
    """``damage`` is what is still damaged, ``repair`` what a repair said; both empty for a whole share."""

    damage: str = ""
    repair: str = ""


@frozen(kw_only=True)
class CheckShare(ShareOperation):
    """Carried on: recovery makes the file system whole, if that needs no person, and serves it again.

    ``extension`` is one that damage has interrupted: it will be finished after the check.
    """

    kind: ClassVar[str] = "share.check"
    status: ClassVar[ShareStatus] = ShareStatus.CHECKING
    despite_damage: ClassVar[bool] = True

    repair: bool = False
    stage: CheckStage = CheckStage.EXAMINING
    extension: ExtendShare | None = None

    @property
    def no_return(self) -> str:
        return "its file system is being repaired" if self.stage is CheckStage.REPAIRING else ""

    def run(self, work: ShareWork) -> Checked:
        """Withdraw the share and examine it; serve it again unless it is damaged."""
        ports, share = work.ports, work.share
        work.withdraw()
        work.checkpoint()
        device = ports.storage.attach(share.volume.ref)
        damage, said = ports.filesystems.examine(device, share.volume, work.report), ""
        work.noticed = failure_by(damage) if damage else None
        if damage and self.repair:
            self._begin_repair(work, damage)
            said, damage = ports.filesystems.repair(device, share.volume, work.report), ""
            work.noticed = None
        else:
            work.checkpoint()
        self._conclude(work, work.noticed)
        return Checked(damage, said)

    def recover(self, work: ShareWork) -> None:
        """Serve the share again, unless it is damaged.

        Makes the file system whole if that needs no person; otherwise the share has failed. A share that was
        damaged before stays damaged.
        """
        known = work.share.failure if work.share.damaged else work.noticed
        if known is not None:
            work.withdraw()
            self._conclude(work, known)
        else:
            self._conclude(work, _made_whole(work))

    def _begin_repair(self, work: ShareWork, damage: str) -> None:
        """Record the damage first: a share must not be served after an interrupted repair."""
        with work.locked() as held:
            work.advance(held, evolve(self, stage=CheckStage.REPAIRING), failure_by(damage))

    def _conclude(self, work: ShareWork, failure: Failure | None) -> None:
        """Record the result, and serve the share unless it has failed."""
        with work.locked() as held:
            ports, server, share = work.ports, held.server, work.share
            if self.extension is not None:
                waiting = failure or Failure.unavailable("its extension is not finished")
                stuck = evolve(share.beginning(self.extension), failure=waiting)
                held.save(fail_share(ports, server, stuck))
            elif failure is not None:
                work.finish(held, fail_share(ports, server, share.failed(failure)))
            else:
                work.finish(held, serve_again(ports, server, share.ready()))


def _made_whole(work: ShareWork) -> Failure | None:
    """Make whole what a check left half-way. Returns why that cannot be, or None."""
    ports, share = work.ports, work.share
    try:
        if not ports.filesystems.mounted(work.server.id, share.id):
            device = ports.storage.attach(share.volume.ref)
            ports.filesystems.check(device, share.volume, work.report)
    except ShareDamaged as error:
        return Failure.damaged(error)
    except ShareFailed as error:
        return Failure.unavailable(error)
    return None


def failure_by(damage: str) -> Failure:
    """The failure of a share in which this damage was found."""
    line = " ".join(damage.split())  # only the beginning of the report: a record should not hold pages of it
    shortened = line if len(line) <= 300 else f"{line[:300]}..."
    return Failure.damaged(f"its file system is damaged: {shortened}")
