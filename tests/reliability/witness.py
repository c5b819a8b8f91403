"""A client that finds out what each user may do by asking the server itself, and that keeps a file open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen
from smbprotocol.exceptions import SMBException, SMBResponseException
from smbprotocol.open import CreateDisposition, Open

from shares_core import AccessLevel, Secret
from shares_core.domain.server import ShareServer
from tests.testkit.clients import READ, READ_WRITE, ClientNamespace, SmbClient, open_file

#: A file in each share that has files.
PROBE = "probe"
Admitted = Mapping[tuple[str, str], AccessLevel]


@frozen
class Witness:
    """A client in its own namespace on the server's bridge. All users have the same password."""

    namespace: ClientNamespace
    address: str
    password: Secret

    @classmethod
    @contextmanager
    def beside(cls, server: ShareServer, password: Secret) -> Iterator[Witness]:
        interface = server.interfaces[0]
        namespace = ClientNamespace.beside(interface, 60)
        try:
            yield cls(namespace, str(interface.addresses[0].ip), password)
        finally:
            namespace.remove()

    def admitted(self, users: Iterable[str], shares: Iterable[str]) -> Admitted:
        """What each user may do on each share."""
        shares = tuple(shares)
        found = {(share, user): self._level(user, share) for user in users for share in shares}
        return {key: level for key, level in found.items() if level is not None}

    def _level(self, user: str, share: str) -> AccessLevel | None:
        try:
            with self._client(user).connection() as session:
                tree = self._client(user).tree(session, share)
                with suppress(SMBResponseException):
                    open_file(tree, PROBE, READ_WRITE, disposition=CreateDisposition.FILE_OPEN)
                    return AccessLevel.READ_WRITE
                open_file(tree, PROBE, READ, disposition=CreateDisposition.FILE_OPEN)
                return AccessLevel.READ_ONLY
        except SMBResponseException:
            return None

    @contextmanager
    def holding(self, user: str, share: str) -> Iterator[Open]:
        """Open a file as the user, and write to it."""
        client = self._client(user)
        with client.connection() as session:
            opened = open_file(client.tree(session, share), PROBE)
            opened.write(b"before", 0)
            yield opened

    def _client(self, user: str) -> SmbClient:
        return SmbClient(self.namespace, self.address, user, self.password.reveal(), Path())


def still_writes(opened: Open) -> bool:
    """Whether a file that was opened a while ago can still be written."""
    try:
        opened.write(b"after", 0)
    except (SMBException, OSError):
        return False
    return True


def granted(server: ShareServer, shares: Iterable[str]) -> Admitted:
    """What the record says."""
    return {
        (str(share.name), str(rule.principal.name)): rule.level
        for share in server.shares
        if str(share.name) in shares
        for rule in share.rules
    }
