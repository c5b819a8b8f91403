"""Share servers: one tenant's Samba container, its interfaces, its shares, its accounts."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from attrs import evolve, frozen

from shares_core.domain.access import AccessRule, Principal
from shares_core.domain.claim import Claim
from shares_core.domain.errors import AlreadyExists, NoCapacity, NotFound
from shares_core.domain.exports import Export, exports_of
from shares_core.domain.locations import ClientKind, ExportLocation, locations_at
from shares_core.domain.names import ServerName, ShareName, UserName, key_of
from shares_core.domain.network import Interface
from shares_core.domain.operation import ServerOperation, ShareOperation
from shares_core.domain.protection import Protection
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.domain.share import CifsShare

#: Unix user ids of accounts inside a server: each has its own, because Samba derives a user's SID from it.
FIRST_ACCOUNT_UID = 10_000
#: Unix user ids of the servers on the host, one for each server: above those that distributions give to
#: people, services and sub-id ranges.
FIRST_SERVER_UID = 2_000_000
_SERVER_UIDS = 1_000_000


class DesiredState(StrEnum):
    """What the operator wants of a server; reconcile makes it so."""

    RUNNING = "running"
    STOPPED = "stopped"


@frozen
class Account:
    """A user of the server. Its password is in the secrets, never here."""

    name: UserName
    uid: int


@frozen
class ShareServer:
    """One share server as its record holds it; every change returns a new value.

    ``id`` names the host's objects (12 hexadecimal digits), so that ``name`` can change. ``uid`` is the unix
    user and group id of its service, on the host and inside. ``operation`` is what is under way on the server
    itself; each share has its own.
    """

    id: str
    name: ServerName
    uid: int
    interfaces: tuple[Interface, ...]
    desired: DesiredState = DesiredState.RUNNING
    shares: tuple[CifsShare, ...] = ()
    accounts: tuple[Account, ...] = ()
    operation: ServerOperation | None = None
    protection: Protection = Protection()
    #: The next account's uid. No uid is used again: a log that has one is about one user for ever.
    next_uid: int = FIRST_ACCOUNT_UID

    # -- shares

    def find_share(self, name: str | ShareName) -> CifsShare | None:
        """The share of that name, in any case, or None. Raises InvalidInput."""
        key = (name if isinstance(name, ShareName) else ShareName(name)).key
        return next((share for share in self.shares if share.name.key == key), None)

    def share(self, name: str | ShareName) -> CifsShare:
        """The share of that name. Raises NotFound."""
        share = self.find_share(name)
        if share is None:
            raise self._no_share(
                str(name), Call(UseCase.SHARES_LIST, (str(self.name),)), " lists those that are there"
            )
        return share

    def _no_share(self, name: str, *hint: Call | str) -> NotFound:
        return NotFound("share", name, where=f"server {self.name.value!r}", hint=Remedy.of(*hint))

    def share_by_id(self, share_id: str) -> CifsShare | None:
        return next((share for share in self.shares if share.id == share_id), None)

    def with_share(self, share: CifsShare) -> ShareServer:
        """With the share added, or in place of the share with its id. Raises AlreadyExists."""
        same_name = self.find_share(share.name)
        if same_name is not None and same_name.id != share.id:
            raise AlreadyExists(
                "share", str(same_name.name), "names differ in more than case", hint="choose another name"
            )
        self._require_other_names(share)
        if self.share_by_id(share.id) is None:
            return evolve(self, shares=(*self.shares, share))
        return evolve(self, shares=tuple(share if old.id == share.id else old for old in self.shares))

    def without_share(self, share_id: str) -> ShareServer:
        return evolve(self, shares=tuple(share for share in self.shares if share.id != share_id))

    def _require_other_names(self, share: CifsShare) -> None:
        """Raise AlreadyExists if another share, or a snapshot of it, is served under one of its names."""
        names = {export.name.key for export in exports_of(share)}
        for export in self.exports:
            if export.share.id != share.id and export.name.key in names:
                what = (
                    "a share has that name"
                    if export.snapshot is None
                    else "a snapshot is exported under that name"
                )
                raise AlreadyExists("share", str(export.name), what, hint="choose another name")

    # -- what is served: the shares, and snapshots of them

    @property
    def exports(self) -> tuple[Export, ...]:
        """All that clients may connect to, if there is a rule for them."""
        return tuple(export for share in self.shares for export in exports_of(share))

    def find_export(self, name: str | ShareName) -> Export | None:
        """The share of that name, in any case, or the exported snapshot, or None. Raises InvalidInput."""
        key = (name if isinstance(name, ShareName) else ShareName(name)).key
        return next((export for export in self.exports if export.name.key == key), None)

    def export(self, name: str | ShareName) -> Export:
        """The share of that name, or the exported ``SHARE@SNAPSHOT``. Raises InvalidInput, NotFound."""
        found = self.find_export(name)
        if found is None:
            self._reject_unexported(str(name))
            return Export(self.share(name))
        return found

    def _reject_unexported(self, name: str) -> None:
        """Raise NotFound if that is a snapshot which is not exported."""
        for share in self.shares:
            for snapshot in share.snapshots:
                if key_of(f"{share.name}@{snapshot.name}") == key_of(name):
                    words = (str(self.name), str(share.name), str(snapshot.name))
                    raise self._no_share(name, Call(UseCase.SNAPSHOTS_EXPORT, words), " makes it one")

    def export_by_id(self, export_id: str) -> Export | None:
        return next((export for export in self.exports if export.id == export_id), None)

    def with_rules(self, export_id: str, rules: tuple[AccessRule, ...]) -> ShareServer:
        """With these rules for the share or the exported snapshot; unchanged if it is gone."""
        export = self.export_by_id(export_id)
        return self if export is None else self.with_share(export.with_rules(rules))

    # -- accounts

    def find_account(self, name: UserName) -> Account | None:
        """The account of exactly that name, or None. Raises AlreadyExists if a name differs only in case."""
        found = next((account for account in self.accounts if account.name.key == name.key), None)
        if found is not None and found.name != name:
            raise AlreadyExists(
                "user",
                str(found.name),
                f"{name} differs from it in case only, which SMB does not tell apart",
                hint=f"name {found.name}, or choose another name",
            )
        return found

    def account(self, name: str) -> Account:
        """The account of that name, in any case. Raises InvalidInput, NotFound."""
        key = UserName(name).key
        found = next((account for account in self.accounts if account.name.key == key), None)
        if found is None:
            raise NotFound(
                "user",
                name,
                where=f"server {self.name.value!r}",
                hint=Remedy.of(Call(UseCase.USERS_LIST, (str(self.name),)), " lists those that are there"),
            )
        return found

    def with_account(self, name: UserName) -> ShareServer:
        """With an account for ``name``; unchanged if it exists already."""
        if self.find_account(name) is not None:
            return self
        uid = max(self.next_uid, *(account.uid + 1 for account in self.accounts), FIRST_ACCOUNT_UID)
        return evolve(self, accounts=(*self.accounts, Account(name, uid)), next_uid=uid + 1)

    def without_account(self, name: UserName) -> ShareServer:
        return evolve(self, accounts=tuple(a for a in self.accounts if a.name != name))

    def exports_of(self, name: UserName) -> tuple[Export, ...]:
        """The shares and snapshots that have a rule for the user."""
        principal = Principal(name)
        return tuple(e for e in self.exports if any(rule.principal == principal for rule in e.rules))

    # -- the rest

    def performing(self, operation: ServerOperation | None) -> ShareServer:
        """With the operation journaled, or with none."""
        return evolve(self, operation=operation)

    @property
    def operations(self) -> tuple[ServerOperation | ShareOperation, ...]:
        """All that is under way on the server and its shares."""
        own = () if self.operation is None else (self.operation,)
        return (*own, *(share.operation for share in self.shares if share.operation is not None))

    @property
    def claim(self) -> Claim:
        """What no other server may have."""
        operation = self.operation.kind if self.operation is not None else ""
        return Claim(self.id, self.name, self.uid, self.interfaces, operation)

    def protected(self, protection: Protection) -> ShareServer:
        return evolve(self, protection=protection)

    def wanting(self, desired: DesiredState) -> ShareServer:
        return evolve(self, desired=desired)

    def locations(self, share: CifsShare | Export) -> tuple[ExportLocation, ...]:
        """Where clients find it: for each address, one for each kind of client."""
        return tuple(
            location
            for interface in self.interfaces
            for address in interface.addresses
            for location in locations_at(address.ip, share.name)
        )

    def export_locations(self, share: CifsShare | Export) -> tuple[str, ...]:
        r"""``\\address\share``, one for each address, as Windows and Manila take it."""
        return tuple(each.location for each in self.locations(share) if each.client is ClientKind.WINDOWS)


def free_uid(servers: Iterable[ShareServer | Claim]) -> int:
    """The lowest server uid that no server has. Raises NoCapacity."""
    taken = {server.uid for server in servers}
    for uid in range(FIRST_SERVER_UID, FIRST_SERVER_UID + _SERVER_UIDS):
        if uid not in taken:
            return uid
    raise NoCapacity("every unix user id for share servers is in use", hint="delete a server first")
