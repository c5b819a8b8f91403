"""Files that a client holds open over SMB while the host changes who may.

Handles are held by smbprotocol, which neither reconnects nor hides a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from attrs import define
from smbprotocol.open import Open
from smbprotocol.session import Session

from tests.testkit.clients import SmbClient, nt_status, open_file

OK = "NT_STATUS_OK"
#: What becomes of a file on a share that its session has to leave.
SHARE_CLOSED = "NT_STATUS_NETWORK_NAME_DELETED"


@define
class Held:
    """A file held open for reading and writing, on a connection and in a session of its own."""

    client: SmbClient
    session: Session
    file: Open

    @property
    def write(self) -> str:
        return nt_status(lambda: self.file.write(b"still here", 0))

    @property
    def read(self) -> str:
        return nt_status(lambda: self.file.read(0, 1, min_length=1))

    def enter(self, share: str = "files") -> str:
        """Connect to the share once more, in the session that is there."""
        return nt_status(lambda: self.client.tree(self.session, share))

    def open(self, name: str, share: str = "files") -> Open:
        return open_file(self.client.tree(self.session, share), name)


@contextmanager
def holding() -> Iterator[Callable[..., Held]]:
    """Gives what opens a file and writes to it; all of them are let go of when the block ends."""
    stack = ExitStack()

    def held(client: SmbClient, share: str = "files", session: Session | None = None) -> Held:
        session = session or stack.enter_context(client.connection())
        file = open_file(client.tree(session, share), f"held by {client.user.rpartition(chr(92))[2].lower()}")
        made = Held(client, session, file)
        assert (made.write, made.read) == (OK, OK)
        return made

    with stack:
        yield held
