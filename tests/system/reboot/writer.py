"""A client that keeps writing until the host goes down: ``python -m tests.system.reboot.writer``."""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
from pathlib import Path

from tests.testkit.clients import ClientNamespace, SmbClient
from tests.testkit.writing import open_file


def main() -> None:
    """Write a file, have the server flush it, and record it on the disk; for ever.

    The arguments are the server's address, the client's namespace, the user, the share, and the record's
    file; the password is in the file of that name with ``.secret`` at the end.
    """
    address, namespace, user, share, acknowledged = sys.argv[1:]
    password = Path(f"{acknowledged}.secret").read_text()
    client = SmbClient(ClientNamespace(namespace), address, user, password, Path(acknowledged).parent)
    with open(acknowledged, "a") as told, client.connection() as session:
        tree = client.tree(session, share)
        for number in itertools.count():
            name, content = f"f{number % 500}-{number}.bin", os.urandom(16 * 1024)
            opened = open_file(tree, name, create=True)
            opened.write(content, 0)
            opened.flush()
            opened.close()
            told.write(f"{name} {hashlib.sha256(content).hexdigest()}\n")
            told.flush()
            os.fsync(told.fileno())


if __name__ == "__main__":
    main()
