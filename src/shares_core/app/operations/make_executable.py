"""Giving the files of former releases the execute bit, while their share is served."""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve, frozen

from shares_core.app.lifecycle.shares import serve_again
from shares_core.app.operations.work import ShareWork
from shares_core.domain.operation import ShareOperation, ShareStatus


@frozen(kw_only=True)
class MakeExecutable(ShareOperation):
    """Set aside: recovery leaves what is not done yet to the next reconcile, which begins it again."""

    kind: ClassVar[str] = "share.make_executable"
    status: ClassVar[ShareStatus] = ShareStatus.READY

    @property
    def serves(self) -> bool:
        return True

    def run(self, work: ShareWork) -> None:
        while not work.ports.smb_files.make_executable(work.server, work.share):
            work.checkpoint()
        with work.locked() as held:
            share = work.share.ready()
            done = evolve(share, volume=share.volume.made_executable())
            work.finish(held, serve_again(work.ports, held.server, done))

    def recover(self, work: ShareWork) -> None:
        with work.locked() as held:
            work.finish(held, serve_again(work.ports, held.server, work.share.ready()))
