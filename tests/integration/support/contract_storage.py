"""A real host's pool, devices and mounts, for the contracts' suites."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from ctypes import CDLL, get_errno
from pathlib import Path

import pytest
from attrs import evolve

from shares_core import Capacity, FilePool
from shares_core.adapters.filesystems import casefold
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.volume import DEFAULT_POOL, FileSystemKind, PoolName, ShareVolume, VolumeRef
from shares_core.ports.storage import BlockStorage
from tests.contracts.filesystems_world import FileSystemsWorld, Made
from tests.contracts.pools import PoolsWorld
from tests.contracts.storage_world import POOL, StorageWorld
from tests.contracts.values import OWNER, UID
from tests.integration.support.contract_world import RealWorld
from tests.integration.support.damage import debugfs, meet_damage, ruin_root, ruin_tables
from tests.integration.support.namespaces import no_user_namespaces
from tests.integration.support.owners import mounted_aside
from tests.settings import folder_of, volumes_in, with_pool
from tests.testkit.sharing import sharing_folder

_CHUNK = 4 * 1024 * 1024
_PR_CAPBSET_DROP, _CAP_SYS_RESOURCE = 24, 24

#: Where a volume has its length, but no space on the disk yet.
_RESERVING = "shares_core.adapters.pools.files.pool.reserve"


@contextmanager
def emptied(pool: Path) -> Iterator[None]:
    """Inside, an empty folder is in place of the pool."""
    aside = pool.with_name("aside")
    pool.rename(aside)
    pool.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(pool)
        aside.rename(pool)


class RealStorage(RealWorld, StorageWorld, FileSystemsWorld):
    """A real host with a pool and mounts that can be read."""

    # -- the pool

    @property
    def snapshot_way(self) -> SnapshotWay:
        """These worlds are on ext4, whose files cannot share blocks."""
        return SnapshotWay.COPYING_READ_ONLY

    @property
    def extends(self) -> bool:
        return False

    @contextmanager
    def lost_pool(self) -> Iterator[None]:
        with emptied(folder_of(self.config)):
            yield

    @contextmanager
    def pool_on_a_disk(self) -> Iterator[Callable[[], None]]:
        """A bind-mounted folder stands for the disk: the kernel then loses the path to what was in use."""
        disk, pool = self.state_dir / "disk", folder_of(self.config)
        for folder in (disk, pool):
            folder.mkdir(mode=0o700, parents=True)

        def mount() -> None:
            subprocess.run(["mount", "--bind", disk, pool], check=True)

        def mount_anew() -> None:
            subprocess.run(["umount", "--lazy", pool], check=True)
            mount()

        mount()
        try:
            yield mount_anew
        finally:
            self._detach_all_on(pool)
            subprocess.run(["umount", "--lazy", pool], check=True)

    @staticmethod
    def _detach_all_on(pool: Path) -> None:
        """Detach by inode, because their paths lead nowhere."""
        for image in pool.glob("*.img"):
            there = image.stat()
            for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
                device = f"/dev/{backing.parts[3]}"
                asking = ["losetup", "--list", "--noheadings", "--output", "BACK-INO", device]
                inode = subprocess.run(asking, check=False, capture_output=True, text=True).stdout.strip()
                if inode == str(there.st_ino):
                    subprocess.run(["losetup", "--detach", device], check=True)

    @contextmanager
    def in_use(self, ref: VolumeRef) -> Iterator[None]:
        descriptor = os.open(self.ports.storage.attach(ref), os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield
        finally:
            os.close(descriptor)

    def half_made_volume(self, ref: VolumeRef, size: Capacity) -> None:
        self.killed_in("storage.ensure_volume", ref, size, OWNER, where=_RESERVING)

    def half_copied_volume(self, origin: VolumeRef, ref: VolumeRef) -> None:
        where = "shares_core.adapters.pools.copying._blocks"
        self.killed_in("storage.snapshot_volume", origin, ref, OWNER, "/", where=where)

    def half_grown_volume(self, ref: VolumeRef, size: Capacity) -> None:
        self.killed_in("storage.grow_volume", ref, size, where=_RESERVING)

    def lose_volume(self, ref: VolumeRef) -> None:
        (volumes_in(self.config) / f"{ref.id}.img").unlink()

    def is_reserved(self, ref: VolumeRef) -> bool:
        there = (volumes_in(self.config) / f"{ref.id}.img").stat()
        return there.st_blocks * 512 >= there.st_size

    def overprovisioned_pool(self) -> BlockStorage:
        over = self.state_dir / "over"
        config = evolve(with_pool(self.config, dir=over / "pool", overprovision=True), state_dir=over)
        storage = self.opened(config).storage
        storage.prepare(DEFAULT_POOL)
        return storage

    # -- devices

    def is_blank(self, device: str) -> bool:
        zeros = bytes(_CHUNK)
        with open(device, "rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                if chunk != zeros[: len(chunk)]:
                    return False
        return True

    def scribble(self, device: str) -> None:
        with open(device, "r+b", buffering=0) as file:
            file.write(b"somebody's raw data".ljust(512, b"."))
            os.fsync(file.fileno())

    def device_size(self, device: str) -> int:
        try:
            with open(device, "rb", buffering=0) as file:
                return file.seek(0, os.SEEK_END)
        except OSError:
            return 0

    def cut_behind(self, ref: VolumeRef, size: int) -> None:
        os.truncate(volumes_in(self.config) / f"{ref.id}.img", size)

    # -- mounts

    def half_made_filesystem(self, device: str) -> None:
        """Tables without a superblock, which mke2fs writes last."""
        with open(device, "r+b", buffering=0) as file:
            file.seek(8192)
            file.write(b"\x01" * 4096)
            os.fsync(file.fileno())

    def half_grown_filesystem(self, made: Made) -> None:
        """For ext4, a block of a file that is marked as free; for xfs, a scratch mount."""
        if made.volume.filesystem.kind is FileSystemKind.XFS:
            where = "shares_core.adapters.filesystems.xfs.run:1"  # instead of xfs_growfs
            self.killed_in("filesystems.grow_unmounted", made.device, made.volume, where=where)
            return
        block = debugfs(made.device, "blocks /file", write=False).split()[0]
        debugfs(made.device, f"freeb {block}")
        assert not self.is_whole(made)

    def growth_in_journal(self, made: Made) -> None:
        """Grow the xfs, and cut the power when only its log is written."""
        folder = self.state_dir / "growing"
        folder.mkdir()
        for argv in (
            ("mount", made.device, folder),
            ("xfs_growfs", folder),
            ("xfs_io", "-x", "-c", "shutdown -f", folder),
            ("umount", folder),
        ):
            subprocess.run(argv, check=True, capture_output=True)
        folder.rmdir()

    def ruined_filesystem(self, made: Made) -> None:
        """In its root folder."""
        if made.volume.filesystem.kind is FileSystemKind.XFS:
            ruin = ("xfs_db", "-x", "-c", "inode 128", "-c", "write core.mode 0", made.device)
            subprocess.run(ruin, check=True, capture_output=True)
        else:
            ruin_root(made.device)

    def lost_inode(self, made: Made) -> None:
        """For an ext4: the file's name exists, and leads nowhere."""
        debugfs(made.device, "clri /file")

    def forget_error(self, made: Made) -> None:
        """For an ext4: its superblock has its content from before the error again."""
        debugfs(made.device, "set_super_value state 1")

    def names_in(self, made: Made) -> str:
        return debugfs(made.device, "ls /", write=False)

    def copies(self, made: Made) -> dict[int, bytes]:
        """The copies of an xfs's superblock, by their places."""
        with open(made.device, "rb", buffering=0) as file:
            start = file.read(512)
            block, group, count = (int.from_bytes(start[at : at + 4]) for at in (4, 84, 88))
            places = [number * group * block for number in range(1, count)]
            return {place: os.pread(file.fileno(), 512, place) for place in places}

    def crash_with(self, made: Made, content: bytes) -> None:
        """Leave a file in it, with a journal to replay."""
        self.ports.filesystems.mount(*made.mount)
        self.write(*made.share, content)
        subprocess.run(("sync", "--file-system", self.layout.share(*made.share)), check=True)
        with open(made.device, "rb", buffering=0) as file:
            places = range(0, self.device_size(made.device), _CHUNK)
            parts = {place: os.pread(file.fileno(), _CHUNK, place) for place in places}
        self.ports.filesystems.unmount(*made.share)
        self.put_back(made, {place: part for place, part in parts.items() if part.count(0) != len(part)})

    def put_back(self, made: Made, copies: dict[int, bytes]) -> None:
        """Restore them as after a power cut before the new ones reached the disk."""
        with open(made.device, "r+b", buffering=0) as file:
            for place, content in copies.items():
                os.pwrite(file.fileno(), content, place)
            os.fsync(file.fileno())

    def ruined_tables(self, made: Made) -> None:
        ruin_tables(made.device, made.volume.filesystem.kind)

    def meet_damage(self, made: Made) -> None:
        meet_damage(self.layout.share(*made.share), made.volume.filesystem.kind)

    def is_whole(self, made: Made) -> bool:
        xfs = made.volume.filesystem.kind is FileSystemKind.XFS
        argv = ("xfs_repair", "-n", made.device) if xfs else ("e2fsck", "-f", "-n", made.device)
        return subprocess.run(argv, check=False, capture_output=True).returncode == 0

    def half_prepared_folder(self, server_id: str, share_id: str, folder: str) -> None:
        self.killed_in("filesystems.prepare_folder", server_id, share_id, folder, UID, where="os.chown")

    def empty_mount_point(self, server_id: str, share_id: str) -> None:
        self.layout.share(server_id, share_id).mkdir(mode=0o700)

    def served_owner(self, server_id: str, share_id: str, folder: str) -> int | None:
        path = self.layout.share(server_id, share_id) / folder
        return path.stat().st_uid if path.exists() else None

    def owner_on_disk(self, made: Made, folder: str) -> int | None:
        with mounted_aside(made.device, self.state_dir / "look") as look:
            return (look / folder).stat().st_uid if (look / folder).exists() else None

    def mount_by_hand(self, server_id: str, share_id: str, device: str) -> None:
        target = self.layout.share(server_id, share_id)
        target.mkdir(mode=0o700)
        subprocess.run(("mount", device, target), check=True)

    def copy_of(self, made: Made) -> tuple[ShareVolume, str]:
        copy = evolve(made.volume, ref=VolumeRef(DEFAULT_POOL, self.new_id()))
        storage = self.ports.storage
        storage.ensure_volume(copy.ref, Capacity(self.device_size(made.device)), OWNER)
        device = storage.attach(copy.ref)
        how = "conv=fsync,sparse" if copy.traits.zeroed else "conv=fsync"
        copying = ("dd", f"if={made.device}", f"of={device}", "bs=1M", how)
        subprocess.run(copying, check=True, capture_output=True)
        return copy, device

    def without_idmapped_mounts(self) -> AbstractContextManager[None]:
        return no_user_namespaces(self.state_dir)

    @contextmanager
    def without_case_fold(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(casefold, "_FEATURES", self.state_dir / "no such folder")
            yield

    def write(self, server_id: str, share_id: str, content: bytes, folder: str = "") -> None:
        path = self._file(server_id, share_id, folder)
        with path.open("wb") as file:
            file.write(content)
            os.fsync(file.fileno())

    def read(self, server_id: str, share_id: str) -> bytes | None:
        path = self._file(server_id, share_id)
        return path.read_bytes() if path.exists() else None

    def _file(self, server_id: str, share_id: str, folder: str = "") -> Path:
        return self.layout.share(server_id, share_id) / folder / "file"

    def is_read_only(self, server_id: str, share_id: str) -> bool:
        return bool(os.statvfs(self.layout.share(server_id, share_id)).f_flag & os.ST_RDONLY)

    def mount_options(self, server_id: str, share_id: str) -> frozenset[str]:
        asked = ("findmnt", "--noheadings", "--output", "VFS-OPTIONS,FS-OPTIONS", "--target")
        told = subprocess.run(
            (*asked, self.layout.share(server_id, share_id)), check=True, capture_output=True, text=True
        )
        return frozenset(told.stdout.replace(",", " ").split())

    def freeze(self, server_id: str, share_id: str) -> None:
        mounted = self.layout.share(server_id, share_id)
        subprocess.run(["fsfreeze", "--freeze", mounted], check=True)

    @contextmanager
    def file_held_open(self, server_id: str, share_id: str) -> Iterator[None]:
        with self.layout.share(server_id, share_id).joinpath("held").open("wb"):
            yield

    def grows_mounted(self, kind: FileSystemKind) -> bool:
        """xfs needs only root; ext4 needs a capability that some virtual machines lack."""
        status = Path("/proc/self/status").read_text()
        effective = re.search(r"^CapEff:\s+([0-9a-f]+)$", status, re.MULTILINE)
        assert effective is not None
        return kind is FileSystemKind.XFS or bool(int(effective[1], 16) >> _CAP_SYS_RESOURCE & 1)

    def refusing_to_grow(self, action: Callable[[], None]) -> None:
        """Do it in a thread whose commands lack the capability that the kernel requires (ext4's ioctl.c)."""

        def lacking() -> None:
            libc = CDLL(None, use_errno=True)
            if libc.prctl(_PR_CAPBSET_DROP, _CAP_SYS_RESOURCE, 0, 0, 0):
                raise OSError(get_errno(), "cannot drop CAP_SYS_RESOURCE")
            action()

        with ThreadPoolExecutor(1) as thread:
            thread.submit(lacking).result()


class SharingStorage(RealStorage):
    """A pool whose files can share blocks."""

    def __init__(self) -> None:
        super().__init__()
        folder = self.cleanup.enter_context(sharing_folder())
        self.config = with_pool(self.config, dir=folder)
        self._ports = self.opened(self.config)

    @property
    def snapshot_way(self) -> SnapshotWay:
        return SnapshotWay.SHARING


class ImageStorage(RealStorage):
    """A pool in an xfs that it makes for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.config = with_pool(self.config, xfs_image=True)
        self._ports = self.opened(self.config)

    @property
    def snapshot_way(self) -> SnapshotWay:
        return SnapshotWay.SHARING

    @property
    def extends(self) -> bool:
        return True

    def overprovisioned_pool(self) -> BlockStorage:
        """It cannot be one, so this is a pool of files."""
        self.config = with_pool(self.config, xfs_image=False)
        return super().overprovisioned_pool()


class RealPools(RealStorage, PoolsWorld):
    """A real host with a second pool of files."""

    def __init__(self) -> None:
        super().__init__()
        self.config = self.config.with_pool(
            FilePool(name=PoolName("slow"), dir=self.state_dir / "slow", size=POOL)
        )
        self._ports = self.opened(self.config)

    @property
    def pools(self) -> tuple[PoolName, ...]:
        return tuple(pool.name for pool in self.config.pools)

    @contextmanager
    def lost(self, pool: PoolName) -> Iterator[None]:
        with emptied(folder_of(self.config, pool)):
            yield

    def without(self, pool: PoolName) -> BlockStorage:
        pools = tuple(other for other in self.config.pools if other.name != pool)
        return self.opened(evolve(self.config, pools=pools)).storage
