"""Files that a client holds open over SMB while the host changes access.

smbprotocol holds the handles: it neither reconnects nor hides a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from attrs import define
from smbprotocol.open import Open
from smbprotocol.session import Session

from tests.testkit.clients import SmbClient, nt_status, open_file
from tests.testkit.probes import until

OK = "NT_STATUS_OK"
#: The possible errors for a file on a share that its session has to leave.
SHARE_CLOSED = "NT_STATUS_NETWORK_NAME_DELETED"


@define
class Held:
    """A file held open for reading and writing, in its own session on its own connection."""

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
        """Connect to the share again, in the existing session."""
        return nt_status(lambda: self.client.tree(self.session, share))

    def reopen(self) -> None:
        """Open the file again. An existing session may learn a moment later that its user may do so."""

        def open_again() -> None:
            self.file = self.open(_name_for(self.client))

        assert until(lambda: nt_status(open_again) == OK)

    def open(self, name: str, share: str = "files") -> Open:
        return open_file(self.client.tree(self.session, share), name)


def _name_for(client: SmbClient) -> str:
    return f"held by {client.user.rpartition(chr(92))[2].lower()}"


@contextmanager
def holding() -> Iterator[Callable[..., Held]]:
    """Yields a function that opens a file and writes to it; the end of the block closes all files."""
    stack = ExitStack()

    def held(client: SmbClient, share: str = "files", session: Session | None = None) -> Held:
        session = session or stack.enter_context(client.connection())
        file = open_file(client.tree(session, share), _name_for(client))
        made = Held(client, session, file)
        assert (made.write, made.read) == (OK, OK)
        return made

    with stack:
        yield held
