"""What a file system's own tool says, and what of it is damage."""

from __future__ import annotations

import pytest

from shares_core.adapters import fsck
from shares_core.domain.errors import BackendFailure, CommandFailed, ShareDamaged


@pytest.mark.parametrize(
    ("status", "damaged"), [(4, True), (5, True), (-9, False), (None, False), (8, False)]
)
def test_a_check_that_a_signal_or_its_limit_ended_tells_of_no_damage(
    monkeypatch: pytest.MonkeyPatch, status: int | None, damaged: bool
) -> None:
    """A share would stay away until a person has had it checked."""

    def ended(command: tuple[str, ...], **_: object) -> str:
        raise CommandFailed(command, status, "so it ended")

    monkeypatch.setattr(fsck, "run", ended)
    with pytest.raises(BackendFailure) as raised:
        fsck.settle_ext4("/dev/loop0")
    assert damaged is isinstance(raised.value, ShareDamaged)
