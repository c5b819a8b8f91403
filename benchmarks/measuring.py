"""Times, and a client that waits for their end."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable

from attrs import define, field
from smbprotocol.connection import Connection
from smbprotocol.exceptions import SMBException
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect
from tests.testkit.clients import ClientNamespace

from benchmarks.floor import wait_for

USER = PASSWORD = "bench"


def as_installed() -> dict[str, str]:
    """An environment in which modules are compiled once, as pip does with those that it installs."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@define
class Times:
    """The seconds of one of the two sides, by operation."""

    seconds: dict[str, list[float]] = field(factory=dict)

    def measure(self, operation: str, *steps: Callable[[], object]) -> None:
        began = time.perf_counter()
        for step in steps:
            step()
        self.seconds.setdefault(operation, []).append(time.perf_counter() - began)


@define
class Client:
    """A connected client: one session that stays open, and tries the share until it can use it."""

    namespace: ClientNamespace
    address: str

    def connect(self) -> Session:
        connection = Connection(uuid.uuid4(), self.address, 445)
        with self.namespace.entered():
            connection.connect()
        session = Session(connection, USER, PASSWORD)
        session.connect()
        return session

    def has(self, session: Session, share: str) -> None:
        """Wait until it can use the share."""

        def usable() -> bool:
            try:
                TreeConnect(session, rf"\\{self.address}\{share}").connect()
            except SMBException:
                return False
            return True

        wait_for(usable)
