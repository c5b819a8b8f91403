"""The parts of an in-memory host. Everything here survives the death of a process."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from attrs import define, field, frozen

from shares_core.domain.access import AccessLevel, AccessRule
from shares_core.domain.audit import AuditEntry
from shares_core.domain.names import ShareName, UserName, key_of
from shares_core.domain.network import Bridge, Interface
from shares_core.domain.options import ShareOptions
from shares_core.domain.secret import PasswordHash
from shares_core.domain.views import LogLine
from shares_core.domain.volume import FileSystem, VolumeRef, VolumeTraits


class ContractBroken(AssertionError):
    """A caller did what a port's docstring forbids: a bug in the caller, never in the host."""


class Condition(Enum):
    """A file system may be torn by an interrupted growing, or ruined, which a person has to repair."""

    WHOLE = auto()
    TORN = auto()
    RUINED = auto()


@define
class MemoryFileSystem:
    """A file system on a volume; ``reach`` is its size in bytes.

    ``owner`` is the volume's, once it was mounted. ``folders`` maps the names of folders to the ids of their
    owners on disk, ``files`` is what clients wrote, which may lack the ``executable`` bit, ``recycled`` the
    files in the recycle bin, which nothing empties. Who writes to a ``frozen`` one waits;
    to a ``paused`` one nobody can write.
    """

    identity: FileSystem
    reach: int
    owner: int = 0
    folders: dict[str, int] = field(factory=dict)
    files: dict[str, bytes] = field(factory=dict)
    recycled: list[bytes] = field(factory=list)
    condition: Condition = Condition.WHOLE
    executable: bool = True
    frozen: bool = False
    paused: bool = False

    @property
    def total(self) -> int:
        """``reach`` without the file system's own tables."""
        return self.reach - self.reach // 64

    @property
    def used(self) -> int:
        return sum(map(len, (*self.files.values(), *self.recycled)))


@frozen
class MemoryMount:
    """A share's mount.

    ``owners`` are the ids of the files' owner on disk and through the mount, which shows no other owner but
    root. Without, the mount shows owners as they are on disk.
    """

    volume: VolumeRef
    owners: tuple[int, int] | None = None
    read_only: bool = False

    def seen(self, on_disk: int) -> int | None:
        """The owner that the mount shows; None is nobody."""
        return self._translate(on_disk, dict([self.owners]) if self.owners else None)

    def on_disk(self, seen: int) -> int | None:
        """The owner on disk of what the user makes through the mount; None if the user can make nothing."""
        return self._translate(seen, dict([self.owners[::-1]]) if self.owners else None)

    @staticmethod
    def _translate(uid: int, table: Mapping[int, int] | None) -> int | None:
        return uid if table is None or uid == 0 else table.get(uid)


@define
class MemoryVolume:
    """A volume of ``size`` bytes. It reads as zeros unless it has ``content`` or ``debris``.

    ``debris`` is anything but a whole file system: what an interrupted make has left.
    """

    size: int
    traits: VolumeTraits = VolumeTraits(zeroed=True)
    content: MemoryFileSystem | None = None
    debris: bool = False


@frozen
class ServedShare:
    """A section of the server's smb.conf; ``id`` names the mount."""

    id: str
    name: ShareName
    folder: str
    rules: tuple[AccessRule, ...]
    options: ShareOptions = ShareOptions()

    def level(self, user: str) -> AccessLevel | None:
        """What Samba lets the user do here; to Samba, names that differ only in case are the same."""
        key = key_of(user)
        return next((rule.level for rule in self.rules if rule.principal.name.key == key), None)


@define
class MemoryTrail:
    """A server's audit trails by the ids of its shares, and how far its log was taken into them.

    ``unfinished`` is how many entries of each share a killed caller appended.
    """

    bookmark: str = ""
    shares: dict[str, list[AuditEntry]] = field(factory=dict)
    unfinished: dict[str, int] = field(factory=dict)


@define
class Folder:
    """A server's folder on the host, with the two files that Samba reads.

    ``accounts`` takes effect when it is written, ``shares`` once smbd was ``told``. ``shared`` means that new
    mounts below the folder reach the container, until a reboot.
    """

    uid: int
    shared: bool = False
    accounts: Mapping[UserName, PasswordHash | None] = field(factory=dict)
    shares: tuple[ServedShare, ...] = ()
    told: bool = False


@define
class Container:
    """A server's container. ``loaded`` is the configuration that its smbd was last told to load.

    ``image`` is what it was made from, ``namespace`` is empty while it does not run. A ``foreign`` container
    belongs to another installation. ``log`` is what its smbd has logged; ``number`` tells it from others.
    """

    uid: int
    image: str = ""
    namespace: str = ""
    loaded: tuple[ServedShare, ...] = ()
    foreign: bool = False
    log: list[LogLine] = field(factory=list)
    number: int = 0

    @property
    def running(self) -> bool:
        return bool(self.namespace)


@define
class MemoryBridge:
    """A bridge; ``complete`` once it has its host addresses."""

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
    """Stands in place of a record that can no longer be read."""

    why: str
