"""The identity of a folder: a file in it names its pool and its installation."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from pathlib import Path

from attrs import frozen

from shares_core.adapters.linux.files import make_private_folder, write_whole
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.pools.identity import PoolIdentity, in_settings
from shares_core.adapters.state.locks import file_lock
from shares_core.domain.errors import HostNotReady
from shares_core.domain.volume import DEFAULT_POOL

IDENTITY, LOCK = "pool.json", "pool.lock"
#: What an empty folder may hold: the second is ext4's, at the root of a disk.
NOBODYS = (LOCK, "lost+found")


@frozen
class FolderIdentity(PoolIdentity):
    """The identity of the pool in ``folder``, and its lock."""

    folder: Path
    lock_timeout: float

    def locked(self) -> AbstractContextManager[None]:
        """Hold the pool's lock against every other process. Raises Busy."""
        return file_lock(self.folder / LOCK, self.lock_timeout, f"the pool {self.pool}")

    def establish(self) -> None:
        """Make the folder this installation's pool, or check that it is. Idempotent. Raises HostNotReady."""
        if not self.exists():
            self._make()
        self.check()

    def check(self) -> None:
        """Check that the folder is this installation's pool. Raises HostNotReady.

        An unmounted folder is not an empty pool: a file in it must say that it is ours.
        """
        identity = self._read()
        if identity is None or identity["pool"] != self.known:
            raise HostNotReady(
                f"{self.folder} is not the pool {self.pool} of this installation",
                hint="mount the disk that the pool is on; it is the one with this installation's pool.json",
            )

    def _make(self) -> None:
        with os_errors(f"making the pool {self.folder}"):
            make_private_folder(self.folder)
        with self.locked():
            identity = self._read()
            if identity is None:
                self._require_empty()
                identity = {
                    "pool": os.urandom(6).hex(),
                    "installation": self.installation.id(),
                    "name": str(self.pool),
                }
                with os_errors(f"making the pool {self.folder}"):
                    write_whole(self.folder / IDENTITY, json.dumps(identity, indent=1).encode())
            if identity.get("installation") != self.installation.id():
                raise HostNotReady(
                    f"{self.folder} is the pool of another installation of shares-core",
                    hint=f"name another folder in the configuration: {in_settings(self.pool, 'dir')}",
                )
            # A pool from before pools had names is the default pool.
            name = identity.get("name", str(DEFAULT_POOL))
            if name != str(self.pool):
                raise HostNotReady(
                    f"{self.folder} is the pool {name} of this installation, not {self.pool}",
                    hint=f"name another folder in the configuration: {in_settings(self.pool, 'dir')}",
                )
            # After the identity, so that a crash in between leaves a folder that is recognised.
            self.installation.remember_pool(identity["pool"], self.pool)

    def _read(self) -> dict[str, str] | None:
        path = self.folder / IDENTITY
        with os_errors(f"reading {path}"):
            try:
                identity = json.loads(path.read_bytes())
            except FileNotFoundError:
                return None
            except ValueError:
                identity = None
        if not isinstance(identity, dict) or not isinstance(identity.get("pool"), str):
            raise HostNotReady(
                f"{path} is damaged", hint="restore it from a backup; it says whose pool this is"
            )
        return identity

    def _require_empty(self) -> None:
        with os_errors(f"listing {self.folder}"):
            strange = [name for name in os.listdir(self.folder) if name not in NOBODYS]
        if strange:
            raise HostNotReady(
                f"{self.folder} is not empty and not a pool: it holds {strange[0]!r}",
                hint=f"name an empty folder in the configuration: {in_settings(self.pool, 'dir')}",
            )
