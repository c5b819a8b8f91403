"""Operations and failures of every kind, as Hypothesis draws them."""

from __future__ import annotations

from typing import Any, get_type_hints

from attrs import fields
from hypothesis import strategies as st

from shares_core.app.operations import OPERATIONS
from shares_core.domain.capacity import GIB, Capacity
from shares_core.domain.operation import ShareOperation
from shares_core.domain.share import Failure, FailureKind
from shares_core.domain.volume import (
    DEFAULT_POOL,
    DISK_OWNER,
    FileSystem,
    FileSystemKind,
    ShareVolume,
    VolumeRef,
)
from tests.contracts.operations import ID, SINCE, SNAPSHOT, extending

#: How to draw fields whose types do not say enough, by name.
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "id": st.just(ID),
    "since": st.just(SINCE),
    **dict.fromkeys(
        ("before", "after", "volume_before", "capacity"), st.builds(Capacity, st.integers(1, 64 * GIB))
    ),
}
SOURCE = ShareVolume(
    VolumeRef(DEFAULT_POOL, SNAPSHOT.id),
    FileSystem(FileSystemKind.XFS, "00000000-0000-4000-8000-000000000001"),
    DISK_OWNER,
)
SHARE_OPERATIONS = [kind for kind in OPERATIONS.values() if issubclass(kind, ShareOperation)]


def share_operations(share_id: str) -> st.SearchStrategy[ShareOperation]:
    """Any kind in any stage, cancelled or not; a new field of an operation is drawn by its type."""
    known = _FIELDS | {
        "share_id": st.just(share_id),
        "extension": st.none() | st.just(extending(share_id)),
        "snapshot": st.just(SNAPSHOT),
        "snapshot_id": st.just(SNAPSHOT.id),
        "new": st.just(VolumeRef(DEFAULT_POOL, "5b5b5b5b5b5b")),
        "former": st.just(VolumeRef(DEFAULT_POOL, "5c5c5c5c5c5c")),
        "others": st.just(()) | st.just((VolumeRef(DEFAULT_POOL, "5d5d5d5d5d5d"),)),
        "source_ref": st.just(VolumeRef(DEFAULT_POOL, SNAPSHOT.id)),
        "source": st.none() | st.just(SOURCE),
    }
    return st.one_of(*(_built(kind, known) for kind in SHARE_OPERATIONS))


def _built(
    kind: type[ShareOperation], known: dict[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[ShareOperation]:
    hints = get_type_hints(kind)
    names = [each.name for each in fields(kind)]
    return st.builds(
        kind, **{name: known[name] if name in known else st.from_type(hints[name]) for name in names}
    )


def failures() -> st.SearchStrategy[Failure]:
    return st.builds(Failure, st.sampled_from(FailureKind), st.text(min_size=1))
