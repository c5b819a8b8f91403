"""What a caller wants of a share, and whether one that exists is that."""

from __future__ import annotations

from attrs import frozen

from shares_core.domain.capacity import Capacity
from shares_core.domain.errors import AlreadyExists, Conflict
from shares_core.domain.names import ShareName
from shares_core.domain.options import ShareOptions
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.share import CifsShare, FileSystemKind
from shares_core.domain.volume import PoolName


@frozen
class ShareRequest:
    """What a share is to be. None for ``options`` is the default of a new one, and fits any other.

    ``origin`` is the id of the snapshot that it is to be made from; empty for none.
    """

    name: ShareName
    capacity: Capacity
    kind: FileSystemKind
    pool: PoolName
    options: ShareOptions | None = None
    case_fold: bool = False
    origin: str = ""

    def require_same(self, existing: CifsShare) -> None:
        """Raise AlreadyExists if the share of that name differs, Conflict if it was not completely made."""
        self._require_made(existing)
        self._require_case_fold(existing)
        if existing.origin != self.origin:
            raise AlreadyExists(
                "share",
                str(existing.name),
                "it was not made from that snapshot" if self.origin else "it was made from a snapshot",
                hint="choose another name",
            )
        self._require_options(existing)

    def _require_made(self, existing: CifsShare) -> None:
        if not existing.is_whole:
            raise Conflict(
                f"share {existing.name.value!r} is {existing.status}: {existing.reason}",
                hint=Remedy.of(
                    Call(UseCase.RECONCILE),
                    " tries again; ",
                    Call(UseCase.SHARES_DELETE),
                    " removes it, and whatever is in it",
                ),
            )
        if existing.name != self.name:
            raise AlreadyExists(
                "share",
                str(existing.name),
                f"{self.name} differs from it in case only, which SMB does not tell apart",
                hint=f"name {existing.name}, or choose another name",
            )
        if (existing.capacity, existing.filesystem.kind) != (self.capacity, self.kind):
            only_larger = existing.filesystem.kind is self.kind and existing.capacity < self.capacity
            raise AlreadyExists(
                "share",
                str(existing.name),
                f"it has {existing.capacity} with {existing.filesystem.kind}, "
                f"not {self.capacity} with {self.kind}",
                hint=Remedy.of(Call(UseCase.SHARES_EXTEND), " makes it larger")
                if only_larger
                else "choose another name",
            )
        if existing.volume.pool != self.pool:
            raise AlreadyExists(
                "share",
                str(existing.name),
                f"it is in the pool {existing.volume.pool}, not in {self.pool}",
                hint="choose another name: a share stays in its pool",
            )

    def _require_case_fold(self, existing: CifsShare) -> None:
        if existing.filesystem.case_fold is not self.case_fold:
            raise AlreadyExists(
                "share",
                str(existing.name),
                f"its file system {'does not fold' if self.case_fold else 'folds'} case",
                hint="choose another name: a file system stays as it was made",
            )

    def _require_options(self, existing: CifsShare) -> None:
        if self.options not in (None, existing.options):
            raise AlreadyExists(
                "share",
                str(existing.name),
                "its options differ from those asked for",
                hint=Remedy.of(Call(UseCase.SHARES_SET), " changes them"),
            )
