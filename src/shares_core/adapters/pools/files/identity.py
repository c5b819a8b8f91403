"""Which pool a folder is: a file in it names the pool and the installation that it belongs to."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from pathlib import Path

from attrs import frozen

from shares_core.adapters.linux.files import make_private_folder, write_whole
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.state.installation import Installation
from shares_core.adapters.state.locks import file_lock
from shares_core.domain.errors import HostNotReady

_IDENTITY, _LOCK = "pool.json", "pool.lock"
#: What an empty folder may hold: the second is of ext4, at the root of a disk.
_NOBODYS = (_LOCK, "lost+found")


@frozen
class PoolIdentity:
    """The identity of the pool in ``folder``, and its lock."""

    folder: Path
    installation: Installation
    lock_timeout: float

    def locked(self) -> AbstractContextManager[None]:
        """Hold the pool against every other process; raises Busy."""
        return file_lock(self.folder / _LOCK, self.lock_timeout, "the pool")

    def exists(self) -> bool:
        """Whether this installation has a pool; not whether it is there now."""
        return bool(self.installation.pool_id())

    def establish(self) -> None:
        """Make the folder this installation's pool, or see that it is. Idempotent. Raises HostNotReady."""
        if not self.exists():
            self._make()
        self.check()

    def check(self) -> None:
        """See that the folder is this installation's pool. Raises HostNotReady.

        An unmounted folder is not an empty pool: what is there must say that it is ours.
        """
        identity = self._read()
        if identity is None or identity["pool"] != self.installation.pool_id():
            raise HostNotReady(
                f"{self.folder} is not the pool of this installation",
                hint="mount the disk that the pool is on; it is the one with this installation's pool.json",
            )

    def _make(self) -> None:
        with os_errors(f"making the pool {self.folder}"):
            make_private_folder(self.folder)
        with self.locked():
            identity = self._read()
            if identity is None:
                self._require_empty()
                identity = {"pool": os.urandom(6).hex(), "installation": self.installation.id()}
                with os_errors(f"making the pool {self.folder}"):
                    write_whole(self.folder / _IDENTITY, json.dumps(identity, indent=1).encode())
            if identity.get("installation") != self.installation.id():
                raise HostNotReady(
                    f"{self.folder} is the pool of another installation of shares-core",
                    hint="name another folder in the configuration: [pool] dir",
                )
            # After the identity, so that a crash in between leaves a folder that is recognised, not lost.
            self.installation.remember_pool(identity["pool"])

    def _read(self) -> dict[str, str] | None:
        path = self.folder / _IDENTITY
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
            strange = [name for name in os.listdir(self.folder) if name not in _NOBODYS]
        if strange:
            raise HostNotReady(
                f"{self.folder} is not empty and not a pool: it holds {strange[0]!r}",
                hint="name an empty folder in the configuration: [pool] dir",
            )
