"""Real file work by the kernel's own client, on logical volumes, while the share grows below it.

It is mounted as docs/clients.md says, and stays so whatever happens to the server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol

import docker
import pytest
from attrs import frozen

import shares_core
from shares_core import AccessLevel, Capacity, FileSystemKind, InterfaceSpec
from shares_core.domain.locations import ClientKind
from shares_core.domain.views import ExtendWay
from tests.integration.support.images import changed_image
from tests.settings import group_of, with_image
from tests.testkit.clients import SmbClient
from tests.testkit.kernel_client import checksums, mounted, reconnects, write_synced
from tests.testkit.probes import until
from tests.testkit.site import Site
from tests.testkit.volume_groups import lvm

#: Some dozens of files: under an emulator each of them takes a tenth of a second, encrypted as it is.
SOURCE = Path(__file__).parents[3] / "src/shares_core/adapters"
BEYOND_4_GIB, HOLE = 4 * 2**30 + 12345, 100 * 2**20 + 12345
SIZE, LARGER = Capacity.parse("320MiB"), Capacity.parse("640MiB")


class CopyATree:
    """A source tree, file by file."""

    def do(self, folder: Path) -> None:
        shutil.copytree(SOURCE, folder / "tree", ignore=shutil.ignore_patterns("__pycache__"))

    def check(self, folder: Path) -> None:
        there = checksums(SOURCE).items()
        assert checksums(folder / "tree") == {
            path: value for path, value in there if "__pycache__" not in path
        }


class CloneARepository:
    """A repository, committed beside the share and cloned onto it."""

    def do(self, folder: Path) -> None:
        origin = folder.parent / f"{folder.name}.origin"
        git(folder.parent, "init", "--quiet", "--initial-branch=main", str(origin))
        for number in range(50):
            (origin / f"file{number}").write_text(f"{number}\n" * 100)
        (origin / "program").write_text("#!/bin/sh\necho started\n")
        (origin / "program").chmod(0o755)
        (origin / "folder").mkdir()
        (origin / "folder" / "up").symlink_to("../program")
        (origin / "link").symlink_to("folder")
        git(origin, "add", ".")
        git(origin, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "-m", "all")
        git(folder, "clone", "--quiet", "--no-hardlinks", str(origin), str(folder / "clone"))

    def check(self, folder: Path) -> None:
        """Check that Git itself finds nothing wrong, and that a program starts through a link to a folder."""
        git(folder / "clone", "fsck", "--strict")
        assert "" == git(folder / "clone", "status", "--porcelain")
        assert "started\n" == subprocess.check_output((folder / "clone" / "link" / "up",), text=True)


class MakeAnEnvironment:
    """As ``python3 -m venv`` does, which links to its interpreter. Packages would be many files more."""

    def do(self, folder: Path) -> None:
        argv = ("/usr/bin/python3", "-m", "venv", "--without-pip", str(folder / "venv"))
        subprocess.run(argv, check=True, capture_output=True, timeout=300)

    def check(self, folder: Path) -> None:
        argv = (folder / "venv" / "bin" / "python", "-c", "import sys; print(sys.prefix)")
        assert f"{folder / 'venv'}\n" == subprocess.check_output(argv, text=True)


class WriteAndRename:
    """As editors and databases do: write a new file, sync it, rename it over the old one."""

    def do(self, folder: Path) -> None:
        for number in range(20):
            aside = folder / "document.new"
            write_synced(aside, f"version {number}\n".encode() * 1000)
            aside.rename(folder / "document")
            assert (folder / "document").read_bytes().startswith(f"version {number}\n".encode())

    def check(self, folder: Path) -> None:
        assert b"version 19\n" * 1000 == (folder / "document").read_bytes()
        assert not (folder / "document.new").exists()


class WriteASparseFile:
    """Larger than 4 GiB, and than the share: on an ext4 it takes only the written space."""

    def do(self, folder: Path) -> None:
        with (folder / "sparse").open("wb") as file:
            file.seek(BEYOND_4_GIB)
            file.write(b"the end")
            file.flush()
            os.fsync(file.fileno())

    def check(self, folder: Path) -> None:
        assert BEYOND_4_GIB + 7 == (folder / "sparse").stat().st_size
        with (folder / "sparse").open("rb") as file:
            assert bytes(4096) == file.read(4096)
            file.seek(BEYOND_4_GIB)
            assert b"the end" == file.read()


class WriteAFileWithAHole:
    """On an xfs it takes the room of its length. One that is longer than the share is refused at once."""

    def do(self, folder: Path) -> None:
        with (folder / "hole").open("wb") as file:
            file.seek(HOLE)
            file.write(b"the end")
            file.flush()
            os.fsync(file.fileno())
        with (folder / "too-long").open("wb") as file, pytest.raises(OSError, match="No space left"):
            os.posix_fallocate(file.fileno(), 0, BEYOND_4_GIB)

    def check(self, folder: Path) -> None:
        assert HOLE + 7 == (folder / "hole").stat().st_size
        with (folder / "hole").open("rb") as file:
            assert bytes(4096) == file.read(4096)
            file.seek(HOLE)
            assert b"the end" == file.read()
        assert 0 == (folder / "too-long").stat().st_size


@frozen
class WriteSmallFiles:
    """Many files; all have to exist, and a tenth is read."""

    count: int

    def do(self, folder: Path) -> None:
        (folder / "small").mkdir()
        for number in range(self.count):
            (folder / "small" / f"{number}.txt").write_bytes(b"%d" % number)

    def check(self, folder: Path) -> None:
        there = {entry.name: entry.stat().st_size for entry in os.scandir(folder / "small")}
        assert there == {f"{number}.txt": len(str(number)) for number in range(self.count)}
        for number in range(0, self.count, 10):
            assert b"%d" % number == (folder / "small" / f"{number}.txt").read_bytes()


class Work(Protocol):
    """Something that people do with files, and what has to exist afterwards."""

    def do(self, folder: Path) -> None: ...

    def check(self, folder: Path) -> None: ...


def git(folder: Path, *argv: str) -> str:
    done = subprocess.run(
        # The documented mount belongs to a user, and Git trusts no folder of another.
        ("git", "-c", "safe.directory=*", "-C", str(folder), *argv),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Worker:
    """Does all the work in a thread, and keeps the errors."""

    def __init__(self, folder: Path, work: Sequence[Work]) -> None:
        self._folder = folder
        self._work = work
        self._thread = threading.Thread(target=self._do)
        self.began = threading.Event()
        self.failures: list[BaseException] = []
        self._thread.start()

    def _do(self) -> None:
        try:
            for each in self._work:
                self.began.set()
                each.do(self._folder)
        except BaseException as error:  # noqa: BLE001 - told by whoever waits for it
            self.failures.append(error)

    @property
    def working(self) -> bool:
        return self._thread.is_alive()

    def finish(self) -> None:
        self._thread.join()
        for failure in self.failures:
            raise failure


@pytest.mark.parametrize("pool", ["thick"], indirect=True)
def test_an_ipv6_location_is_mounted_as_it_is_told(lvm_site: Site) -> None:
    """By the kernel's client, which takes the form for Linux; over IPv6 alone."""
    host, bridge = lvm_site.host, lvm_site.new_bridge()
    host.servers.create("six", [InterfaceSpec.parse(bridge=bridge, addresses=["fd00:77::10/64"])])
    try:
        share = host.shares.create("six", "Büro 6", Capacity.parse("32MiB"))
        location = next(
            each.location for each in share.server.locations(share.share) if each.client is ClientKind.LINUX
        )
        namespace = lvm_site.client_on(bridge, "fd00:77::20/64")
        password = lvm_site.allow("six", "Büro 6", "ada")
        client = SmbClient(namespace, "fd00:77::10", "ada", password, lvm_site.folder)
        assert f"//{client.address}/Büro 6" == location
        with mounted(client, "Büro 6") as folder:
            write_synced(folder / "over six", b"six")
        assert b"six" == client.get("Büro 6", "over six")
    finally:
        host.servers.delete("six", with_shares=True)


def restarted(site: Site) -> None:
    site.host.servers.stop("kernel")
    site.host.servers.start("kernel")


def killed(site: Site) -> None:
    server = site.host.servers.show("kernel").server
    with closing(docker.from_env()) as client:
        client.containers.get(f"shares-{server.id}").kill()
    site.host.fleet.reconcile()


def upgraded(image: str, site: Site) -> None:
    shares_core.open_host(with_image(site.config, image)).servers.upgrade("kernel")


def assert_a_raised_level_reaches(site: Site, folder: Path) -> None:
    """A mount keeps its level until its use of the share is ended, and goes on by itself."""
    access, target = site.host.access, folder / "document"
    access.allow("kernel", "files", "ada", AccessLevel.READ_ONLY)
    assert not until(lambda: may_write(target), 1)
    assert 1 == access.allow("kernel", "files", "ada").stale_connections
    assert not may_write(target)
    assert 0 == access.allow("kernel", "files", "ada", reconnect=True).stale_connections
    assert until(lambda: may_write(target), 60)


def may_write(path: Path) -> bool:
    try:
        with path.open("r+b") as file:
            return bool(file.write(b"v"))
    except OSError:
        return False


@pytest.mark.parametrize(
    ("pool", "kind", "small_files"),
    [("thick", FileSystemKind.EXT4, 400), ("thin", FileSystemKind.XFS, 200)],
    ids=["ext4 on thick", "xfs on thin"],
    indirect=["pool"],
)
def test_a_share_grows_under_the_kernels_client_without_loss(
    lvm_site: Site, kind: FileSystemKind, small_files: int
) -> None:
    """Online, while files are copied, cloned, synced and renamed: no connection or byte is lost."""
    host = lvm_site.host
    work = (
        CopyATree(),
        CloneARepository(),
        MakeAnEnvironment(),
        WriteAndRename(),
        WriteAFileWithAHole() if kind is FileSystemKind.XFS else WriteASparseFile(),
        WriteSmallFiles(small_files),
    )
    server = host.servers.create("kernel").server
    try:
        host.shares.create("kernel", "files", SIZE, kind)
        interface = server.interfaces[0]
        network = str(interface.addresses[0]).rpartition(".")[0]
        namespace = lvm_site.client_on(interface.attachment.device, f"{network}.200/24")
        password = lvm_site.allow("kernel", "files", "ada")
        client = SmbClient(namespace, str(interface.addresses[0].ip), "ada", password, lvm_site.folder)
        with mounted(client, "files") as folder:
            before = reconnects()
            worker = Worker(folder, work)
            assert worker.began.wait(60)
            extended = host.shares.extend("kernel", "files", LARGER)
            assert worker.working, "the work was over before the share had grown"
            worker.finish()
            assert (ExtendWay.ONLINE, before) == (extended.way, reconnects())
            figures = os.statvfs(folder)
            assert figures.f_blocks * figures.f_frsize > SIZE.bytes
            with changed_image(lvm_site, 'LABEL test="another"') as image:
                for away in (restarted, killed, partial(upgraded, image)):
                    away(lvm_site)
                    for each in work:
                        each.check(folder)
                host.servers.upgrade("kernel")  # back: the image is about to go
            assert_a_raised_level_reaches(lvm_site, folder)
    finally:
        host.servers.delete("kernel", with_shares=True)
    left = lvm("lvs", "--noheadings", "--options", "lv_tags", group_of(lvm_site.config))
    assert "shares-core" not in left
