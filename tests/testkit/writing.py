"""A client that keeps writing files whatever happens, and knows what the server acknowledged."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from smbprotocol.exceptions import SMBException
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
    ShareAccess,
)
from smbprotocol.tree import TreeConnect

from tests.testkit.clients import SmbClient
from tests.testkit.probes import until

_FILE = 32 * 1024


def open_file(tree: TreeConnect, name: str, *, create: bool = False) -> Open:
    """A file of the share, open for reading and writing."""
    opened = Open(tree, name)
    opened.create(
        ImpersonationLevel.Impersonation,
        FilePipePrinterAccessMask.GENERIC_READ | FilePipePrinterAccessMask.GENERIC_WRITE,
        0,
        ShareAccess.FILE_SHARE_READ,
        CreateDisposition.FILE_OVERWRITE_IF if create else CreateDisposition.FILE_OPEN,
        CreateOptions.FILE_NON_DIRECTORY_FILE,
    )
    return opened


class Writer:
    """Writes one file after the other in a thread; reconnects whenever it is disconnected."""

    def __init__(self, client: SmbClient, share: str) -> None:
        self._client = client
        self._share = share
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="writer")
        #: The checksums of the files whose writing and closing the server acknowledged, by name.
        self.acknowledged: dict[str, str] = {}
        self.interruptions: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def writes_more(self, files: int = 20) -> bool:
        """Wait until that many more files are acknowledged. Returns whether they were."""
        wanted = len(self.acknowledged) + files
        return until(lambda: len(self.acknowledged) >= wanted, 60)

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._connected() as tree:
                    while not self._stopped.wait(0.005):
                        self._write(tree)
            except (SMBException, OSError, ValueError) as error:
                self.interruptions.append(f"{type(error).__name__}: {error}")
                self._stopped.wait(0.02)

    @contextmanager
    def _connected(self) -> Iterator[TreeConnect]:
        with self._client.connection() as session:
            yield self._client.tree(session, self._share)

    def _write(self, tree: TreeConnect) -> None:
        name, content = f"f{len(self.acknowledged)}.bin", os.urandom(_FILE)
        opened = open_file(tree, name, create=True)
        opened.write(content, 0)
        opened.close()
        self.acknowledged[name] = hashlib.sha256(content).hexdigest()


def lost(client: SmbClient, share: str, acknowledged: dict[str, str]) -> list[str]:
    """The acknowledged files that are not on the share as they were written."""
    folder = client.folder / f"mget-{os.urandom(4).hex()}"
    folder.mkdir()
    said = client.do(share, f'prompt off; lcd "{folder}"; mget f*.bin')
    assert said.status == "NT_STATUS_OK", said.output
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    return [name for name, digest in acknowledged.items() if there.get(name) != digest]
