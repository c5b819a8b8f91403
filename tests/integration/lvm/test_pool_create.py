"""``shares-core pool create``: only on an empty device."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shares_core.adapters.filesystems.signatures import identify
from shares_core.domain.capacity import MIB
from tests.testkit.leftovers import ROOT, remove_installation
from tests.testkit.volume_groups import Disk, lvm, new_name, remove_group_on, size_for

Run = Callable[..., tuple[int, Any]]
EXTENTS = 64


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A blank disk; removed with any volume group on it."""
    made = Disk.attached(size_for(EXTENTS))
    try:
        yield made
    finally:
        if identify(made.device).get("TYPE") == "LVM2_member":
            remove_group_on(made.device)
        made.detach()


@pytest.fixture
def second_disk(disk: Disk) -> Iterator[Disk]:
    made = Disk.attached(size_for(EXTENTS))
    try:
        yield made
    finally:
        made.detach()


@pytest.fixture
def group() -> str:
    return new_name()


@pytest.fixture
def installation(group: str) -> Iterator[Path]:
    """A state folder, with configurations for a thick and a thin pool beside it."""
    folder = ROOT / f"run-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    text = f'state_dir = "{folder}"\n[pool]\nkind = "lvm"\nvolume_group = "{group}"\n'
    (folder / "thick.toml").write_text(text)
    (folder / "thin.toml").write_text(text + 'thin_pool = "pool"\n')
    try:
        yield folder
    finally:
        remove_installation(folder)


@pytest.fixture
def run(installation: Path) -> Run:
    """Run the installed command. Returns its exit status and its document."""

    def command(kind: str, *words: str) -> tuple[int, Any]:
        program = Path(sys.executable).with_name("shares-core")
        argv = (str(program), "--config", str(installation / f"{kind}.toml"), "--json", *words)
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=300)
        return done.returncode, json.loads(done.stdout)

    return command


def hint(document: Any) -> str:
    return str(document["error"]["hint"])


@pytest.mark.parametrize("kind", ["thick", "thin"])
def test_a_pool_is_made_on_a_blank_device_once(run: Run, disk: Disk, kind: str) -> None:
    """Before, doctor names the command; after, it finds nothing; making it again changes nothing."""
    findings = {each["subject"]: each for each in run(kind, "doctor")[1]}
    assert "missing" == findings["pool"]["verdict"]
    assert "pool create DEVICE" in findings["pool"]["mend"]
    assert [(0, True), (0, False)] == [
        (status, document["created"])
        for status, document in (run(kind, "pool", "create", disk.device) for _ in range(2))
    ]
    findings = {each["subject"]: each for each in run(kind, "doctor")[1]}
    assert "ok" == findings["pool"]["verdict"]
    status, shown = run(kind, "pool", "show")
    assert (0, True) == (status, shown["free_bytes"] > EXTENTS * MIB)
    assert (kind == "thin") == (shown["metadata_percent"] is not None)


def file_system(device: str) -> None:
    subprocess.run(("mkfs.ext4", "-q", device), check=True)


def partition_table(device: str) -> None:
    """An MBR with one Linux partition of a MiB, which the kernel does not know."""
    entry = struct.pack("<B3sB3sII", 0, b"", 0x83, b"", 2048, 2048)
    with open(device, "r+b", buffering=0) as file:
        file.write(bytes(446) + entry + bytes(48) + b"\x55\xaa")


def raw_bytes(device: str) -> None:
    with open(device, "r+b", buffering=0) as file:
        file.seek(MIB)
        file.write(b"somebody's")


def swap(device: str) -> None:
    subprocess.run(("mkswap", device), check=True, capture_output=True)


@pytest.mark.parametrize("fill", [file_system, partition_table, raw_bytes, swap])
def test_a_device_that_holds_anything_is_refused(run: Run, disk: Disk, fill: Callable[[str], None]) -> None:
    """Not a byte of it changes."""
    fill(disk.device)
    synced(disk.device)
    before = disk.file.read_bytes()
    status, document = run("thick", "pool", "create", disk.device)
    assert (4, "conflict") == (status, document["error"]["code"])
    assert "holds" in document["error"]["message"]
    synced(disk.device)
    assert before == disk.file.read_bytes()


def synced(device: str) -> None:
    """Make what was written to the device reach its file."""
    subprocess.run(("sync", device), check=True)


def test_a_device_of_another_group_is_refused(run: Run, disk: Disk) -> None:
    other = new_name()
    lvm("vgcreate", "--yes", other, disk.device)
    status, document = run("thick", "pool", "create", disk.device)
    assert (4, "LVM2_member") == (status, document["error"]["message"].split()[-1])
    assert other in lvm("vgs", "--noheadings", "--options", "vg_name", other)


def test_a_mounted_device_is_refused(run: Run, disk: Disk, tmp_path: Path) -> None:
    """The error names its user, before its content is examined."""
    file_system(disk.device)
    subprocess.run(("mount", disk.device, tmp_path), check=True)
    try:
        status, document = run("thick", "pool", "create", disk.device)
    finally:
        subprocess.run(("umount", tmp_path), check=True)
    assert (4, True) == (status, "is in use" in document["error"]["message"])


@pytest.mark.parametrize(
    ("device", "code"),
    [("/dev/absent", "invalid_input"), ("/etc/passwd", "invalid_input"), ("sdb; reboot", "invalid_input")],
)
def test_anything_but_a_block_device_is_bad_input(run: Run, device: str, code: str) -> None:
    status, document = run("thick", "pool", "create", device)
    assert (2, code) == (status, document["error"]["code"])


def test_without_a_device_nothing_is_guessed(run: Run) -> None:
    status, document = run("thick", "pool", "create")
    assert (2, True) == (status, "lsblk" in hint(document))


def test_a_read_only_device_is_named_with_its_remedy(run: Run, disk: Disk) -> None:
    subprocess.run(("blockdev", "--setro", disk.device), check=True)
    status, document = run("thick", "pool", "create", disk.device)
    assert (6, True) == (status, "setrw" in hint(document))
    subprocess.run(("blockdev", "--setrw", disk.device), check=True)
    assert 0 == run("thick", "pool", "create", disk.device)[0]


def test_an_inactive_group_is_not_an_empty_one(run: Run, disk: Disk, second_disk: Disk, group: str) -> None:
    """A second one is not made either."""
    assert 0 == run("thick", "pool", "create", disk.device)[0]
    lvm("lvcreate", "--yes", "--size", "32m", "--name", "somebodys", group)
    lvm("vgchange", "--activate", "n", group)
    status, document = run("thick", "pool", "create", second_disk.device)
    assert (4, True) == (status, f"vgextend {group} {second_disk.device}" in hint(document))
    assert "somebodys" in lvm("lvs", "--noheadings", "--options", "lv_name", group)


def test_a_thin_pool_gets_the_extents_of_an_existing_group(run: Run, disk: Disk, group: str) -> None:
    """Beside other volumes; it needs no device."""
    lvm("vgcreate", "--yes", group, disk.device)
    lvm("lvcreate", "--yes", "--size", "32m", "--name", "somebodys", group)
    assert (0, True) == (lambda answer: (answer[0], answer[1]["created"]))(run("thin", "pool", "create"))
    assert {"somebodys", "pool"} <= set(lvm("lvs", "--noheadings", "--options", "lv_name", group).split())


def test_a_thin_pool_on_a_further_device_extends_the_group(
    run: Run, disk: Disk, second_disk: Disk, group: str
) -> None:
    lvm("vgcreate", "--yes", group, disk.device)
    lvm("lvcreate", "--yes", "--extents", "100%FREE", "--name", "somebodys", group)
    try:
        assert 0 == run("thin", "pool", "create", second_disk.device)[0]
    finally:
        remove_group_on(disk.device)


def test_no_pool_is_made_in_place_of_a_missing_one(
    run: Run, disk: Disk, second_disk: Disk, installation: Path, group: str
) -> None:
    """A missing disk does not mean that the pool was never made."""
    assert 0 == run("thick", "pool", "create", disk.device)[0]
    identity = {"id": "a" * 12, "pool": "of-a-disk-that-is-away"}
    (installation / "installation.json").write_text(json.dumps(identity))
    status, document = run("thick", "pool", "create", second_disk.device)
    assert (6, "host_not_ready") == (status, document["error"]["code"])
    assert {} == identify(second_disk.device)


def test_a_failed_pool_create_leaves_the_device_blank(run: Run, group: str) -> None:
    """A device too small for a thin pool is not left as a volume group."""
    small = Disk.attached(size_for(2))
    try:
        status, document = run("thin", "pool", "create", small.device)
        assert (5, "no_capacity") == (status, document["error"]["code"])
        assert {} == identify(small.device)
    finally:
        small.detach()


def test_lvm_shows_the_new_pool(run: Run, disk: Disk, group: str) -> None:
    """The group has the configured name, and a thin pool zeroes its blocks and takes discards."""
    assert 0 == run("thin", "pool", "create", disk.device)[0]
    fields = lvm("lvs", "--noheadings", "--options", "zero,discards", f"{group}/pool").split()
    assert ["zero", "passdown"] == fields
