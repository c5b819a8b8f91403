"""An intruder that keeps trying what nobody was ever granted."""

from __future__ import annotations

import logging
import select
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define
from smbprotocol.connection import Connection
from smbprotocol.exceptions import SMBException, SMBResponseException
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

from shares_core import Secret
from shares_core.domain.server import ShareServer
from tests.reliability.scene import ALONE
from tests.testkit.clients import READ, READ_WRITE, ClientNamespace, open_file

_REPOSITORY = Path(__file__).parents[2]
_SECONDS = 30


@define
class Intruder:
    """A separate process, in a client's namespace on the server's bridge."""

    process: subprocess.Popen[str]

    @classmethod
    @contextmanager
    def at_work(
        cls, server: ShareServer, share: str, readers: tuple[str, ...], password: Secret
    ) -> Iterator[Intruder]:
        """Try until the block ends. None of the ``readers`` may ever write; some may not even exist.

        Raises AssertionError if any try succeeded, or none was made.
        """
        interface = server.interfaces[0]
        namespace = ClientNamespace.beside(interface, uuid.uuid4().int % 40)
        try:
            argv = (
                *(*ALONE, "ip", "netns", "exec", namespace.name),
                *(sys.executable, "-m", "tests.reliability.intruding"),
                *(str(interface.addresses[0].ip), share, *readers),
            )
            process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_REPOSITORY
            )
            intruder = cls(process)
            assert process.stdin is not None
            process.stdin.write(password.reveal() + "\n")
            process.stdin.flush()
            try:
                yield intruder
                intruder.end()
            finally:
                process.kill()
                process.communicate()
        finally:
            namespace.remove()

    def end(self) -> None:
        """End it and read its result."""
        out, _ = self.process.communicate("end\n", timeout=_SECONDS)
        tries, refused, *let_in = out.split("\n")
        assert int(tries) >= int(refused) > 0, f"{tries} tries, {refused} refused"
        assert [] == [line for line in let_in if line]


def main() -> None:
    """Try until standard input says ``end``; print the number of tries and refusals, and what succeeded."""
    logging.disable(logging.CRITICAL)  # smbprotocol logs every connection that a dying server breaks off
    address, share, *readers = sys.argv[1:]
    password = sys.stdin.readline().rstrip("\n")
    tries, refused = 0, 0
    let_in: list[str] = []
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        for name, user, secret, access in (
            *((f"{reader} may write", reader, password, READ_WRITE) for reader in readers),
            ("a stranger came in", "eve", password, READ),
            ("a wrong password was taken", readers[0], "wrong", READ),
        ):
            tries += 1
            try:
                _open(address, share, user, secret, access)
            except SMBResponseException:
                refused += 1
            except (SMBException, OSError, ValueError):
                continue  # the server is away for the moment
            else:
                let_in.append(name)
    sys.stdout.write("\n".join((str(tries), str(refused), *let_in)))


def _open(address: str, share: str, user: str, secret: str, access: int) -> None:
    """Open a file, on a connection that is closed afterwards."""
    connection = Connection(uuid.uuid4(), address, 445)
    connection.connect(timeout=3)
    try:
        session = Session(connection, user, secret)
        session.connect()
        tree = TreeConnect(session, rf"\\{address}\{share}")
        tree.connect()
        open_file(tree, f"by-{user}", access)
    finally:
        connection.disconnect(close=False)


if __name__ == "__main__":
    main()
