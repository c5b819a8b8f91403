"""What clients can connect to: shares, and snapshots of shares."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, frozen

from shares_core.domain.access import AccessLevel, AccessRule
from shares_core.domain.names import ShareName
from shares_core.domain.share import CifsShare
from shares_core.domain.snapshots import Snapshot


@frozen
class Export:
    """A share, or one of its snapshots under a name of its own: ``SHARE@SNAPSHOT``, with rules of its own."""

    share: CifsShare
    snapshot: Snapshot | None = None

    @property
    def id(self) -> str:
        return self.share.id if self.snapshot is None else self.snapshot.id

    @property
    def name(self) -> ShareName:
        return self.share.name if self.snapshot is None else name_of(self.share, self.snapshot)

    @property
    def mount_id(self) -> str:
        """What names its mount."""
        return self.share.id if self.snapshot is None else self.snapshot.mount_id(self.share.id)

    @property
    def rules(self) -> tuple[AccessRule, ...]:
        return self.share.rules if self.snapshot is None else self.snapshot.rules or ()

    @property
    def rules_now(self) -> tuple[AccessRule, ...]:
        """The same, as they count now: nobody can write while an operation keeps writers out."""
        if self.share.is_writable:
            return self.rules
        return tuple(evolve(rule, level=AccessLevel.READ_ONLY) for rule in self.rules)

    @property
    def highest(self) -> AccessLevel:
        """The highest level that a rule may grant."""
        return AccessLevel.READ_WRITE if self.snapshot is None else AccessLevel.READ_ONLY

    @property
    def served(self) -> bool:
        """Whether Samba's configuration has a section for it: no rule, no section.

        A snapshot is not touched while its share is extended, checked or reverted.
        """
        return self.share.served if self.snapshot is None else bool(self.rules) and self.share.is_whole

    def require_usable(self) -> None:
        """Raise ShareFailed unless rules can be granted. A snapshot does not depend on how its share is."""
        if self.snapshot is None or not self.share.is_whole:
            self.share.require_ready()

    def check(self, rules: tuple[AccessRule, ...]) -> None:
        """Raise InvalidInput if a rule grants what nobody can have."""
        self.with_rules(rules)

    def with_rules(self, rules: tuple[AccessRule, ...]) -> CifsShare:
        """Its share with these rules for it. Raises InvalidInput if one lets somebody write to a snapshot."""
        if self.snapshot is None:
            return self.share.with_rules(rules)
        return self.share.with_snapshot_rules(self.snapshot.id, rules)


def name_of(share: CifsShare, snapshot: Snapshot) -> ShareName:
    """The name under which the snapshot is exported. Raises InvalidInput if no share can have it."""
    return ShareName(f"{share.name}@{snapshot.name}")


def exports_of(share: CifsShare) -> Iterator[Export]:
    """The share, and those of its snapshots that are exported."""
    yield Export(share)
    yield from (Export(share, snapshot) for snapshot in share.snapshots if snapshot.is_exported)
