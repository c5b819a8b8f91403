"""What an in-memory host consists of. Everything here survives the death of a process."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from attrs import define, field, frozen

from shares_core.domain.access import AccessLevel, AccessRule
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.network import Bridge, Interface
from shares_core.domain.secret import PasswordHash
from shares_core.domain.volume import FileSystem, VolumeRef, VolumeTraits


class ContractBroken(AssertionError):
    """A caller did what a port's docstring forbids: a bug in the caller, never the host's fault."""


class Condition(Enum):
    """A file system may be torn by a growing that was broken off, or ruined: a person has to repair it."""

    WHOLE = auto()
    TORN = auto()
    RUINED = auto()


@define
class MemoryFileSystem:
    """A file system on a volume; ``reach`` is how many bytes of the volume it uses.

    ``owner`` is the volume's, once it was mounted. ``folders`` maps the names of the folders inside to the
    ids of their owners on disk, ``files`` what clients wrote.
    """

    identity: FileSystem
    reach: int
    owner: int = 0
    folders: dict[str, int] = field(factory=dict)
    files: dict[str, bytes] = field(factory=dict)
    condition: Condition = Condition.WHOLE

    @property
    def total(self) -> int:
        """What is left of ``reach`` after the file system's own tables."""
        return self.reach - self.reach // 64

    @property
    def used(self) -> int:
        return sum(map(len, self.files.values()))


@frozen
class MemoryMount:
    """A share's file system as it is mounted.

    ``owners`` are the id on disk and the id through the mount of whoever owns the files; the mount shows
    nobody else but root. Without, it shows each as it is.
    """

    volume: VolumeRef
    owners: tuple[int, int] | None = None

    def seen(self, on_disk: int) -> int | None:
        """Whom the mount shows as the owner; None is nobody."""
        return self._translate(on_disk, dict([self.owners]) if self.owners else None)

    def on_disk(self, seen: int) -> int | None:
        """Who owns on disk what that user makes through the mount; None is a user who can make nothing."""
        return self._translate(seen, dict([self.owners[::-1]]) if self.owners else None)

    @staticmethod
    def _translate(uid: int, table: Mapping[int, int] | None) -> int | None:
        return uid if table is None or uid == 0 else table.get(uid)


@define
class MemoryVolume:
    """A volume of ``size`` bytes. It reads as zeros while it has no ``content`` and is no ``debris``.

    ``debris`` is something else than a whole file system: what a make that did not end has left.
    """

    size: int
    traits: VolumeTraits = VolumeTraits(zeroed=True)
    content: MemoryFileSystem | None = None
    debris: bool = False


@frozen
class ServedShare:
    """A section of the server's smb.conf."""

    id: str
    name: ShareName
    folder: str
    rules: tuple[AccessRule, ...]

    def level(self, user: str) -> AccessLevel | None:
        """What Samba lets the user do here; to it, names that differ in case only are the same."""
        key = user.casefold()
        return next((rule.level for rule in self.rules if rule.principal.name.key == key), None)


@define
class Folder:
    """A server's folder on the host, with the two files in it that Samba reads.

    ``accounts`` counts as soon as it is written, ``shares`` once smbd was ``told``. ``shared`` says that new
    mounts below the folder reach the container; a reboot takes that away.
    """

    uid: int
    shared: bool = False
    accounts: Mapping[UserName, PasswordHash | None] = field(factory=dict)
    shares: tuple[ServedShare, ...] = ()
    told: bool = False


@define
class Container:
    """A server's container. ``loaded`` is the configuration that its running smbd was last told to read.

    ``image`` is what it was made from, ``namespace`` is empty while it does not run. ``foreign`` ones belong
    to another installation.
    """

    uid: int
    image: str = ""
    namespace: str = ""
    loaded: tuple[ServedShare, ...] = ()
    foreign: bool = False

    @property
    def running(self) -> bool:
        return bool(self.namespace)


@define
class MemoryBridge:
    """A bridge as it is; ``complete`` once it has its host addresses."""

    spec: Bridge
    complete: bool = False


@define
class Link:
    """An interface's pair of devices; it carries traffic once it is ``up``."""

    server_id: str
    interface: Interface
    index: int
    namespace: str
    up: bool = False


@frozen
class Damaged:
    """Stands where a record was that cannot be read any more."""

    why: str
