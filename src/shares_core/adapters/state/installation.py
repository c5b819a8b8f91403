"""The identity of this installation: its id marks everything that it makes on the host."""

from __future__ import annotations

import json
import os
import re

from shares_core.adapters.linux.files import write_whole
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.locks import state_lock
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.volume import DEFAULT_POOL, PoolName

#: The key of the pool ``default``, and that of other pools.
_POOL, _NAMED = "pool", "pool:"


def _key(pool: PoolName) -> str:
    return _POOL if pool == DEFAULT_POOL else f"{_NAMED}{pool}"


_ID = re.compile("[0-9a-f]{12}")
_NO_ID = "0" * 12


class Installation:
    """The installation's identity, minted when first needed and kept in the state folder."""

    def __init__(self, layout: Layout, lock_timeout: float) -> None:
        self._layout = layout
        self._lock_timeout = lock_timeout

    def id(self) -> str:
        """12 hexadecimal digits. Raises HostNotReady, and RecordUnreadable for a damaged file."""
        return self.known_id() or self._keep("id", os.urandom(6).hex())

    def known_id(self) -> str:
        """The same if it exists, otherwise empty: for readers, which write nothing."""
        return self._read().get("id", "")

    def pool_id(self, pool: PoolName = DEFAULT_POOL) -> str:
        """The id by which this installation knows the pool of that name; empty before its first use."""
        return self._read().get(_key(pool), "")

    def remember_pool(self, pool_id: str, pool: PoolName = DEFAULT_POOL) -> str:
        """Make ``pool_id`` the pool of that name, unless that has an id. Returns its id."""
        return self._keep(_key(pool), pool_id)

    def _read(self) -> dict[str, str]:
        path = self._layout.installation
        with os_errors(f"reading {path}"):
            try:
                values = json.loads(path.read_bytes())
            except FileNotFoundError:
                return {}
            except ValueError as error:
                raise RecordUnreadable(str(path), "it is not JSON") from error
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise RecordUnreadable(str(path), "it does not hold an installation's identity")
        if _ID.fullmatch(values.get("id", _NO_ID)) is None:  # it marks devices, filters and containers
            raise RecordUnreadable(str(path), "its id is not one that an installation gets")
        return values

    def _keep(self, key: str, value: str) -> str:
        with state_lock(self._layout, "installation", self._lock_timeout, "the installation"):
            values = self._read()
            if key not in values:
                values[key] = value
                with os_errors(f"writing {self._layout.installation}"):
                    write_whole(self._layout.installation, json.dumps(values, indent=1).encode())
            return values[key]
