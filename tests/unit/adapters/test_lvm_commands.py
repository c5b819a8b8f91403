"""What LVM's complaints mean, and LVM that is missing or hangs."""

from __future__ import annotations

import os

import pytest
from tests.unit.adapters.lvm_words import EMPTY_LVS, GROUP, LVS, NO_GROUP, POOL, UUID, VGS
from tests.unit.adapters.lvm_world import FakeLvm

from shares_core.adapters.pools.lvm import commands
from shares_core.adapters.pools.lvm.commands import ALREADY_SO, lvm, read_group, translated
from shares_core.domain.errors import (
    BackendFailure,
    CommandFailed,
    Conflict,
    HostNotReady,
    NoCapacity,
    ShareFailed,
    SharesError,
)
from shares_core.domain.remedy import Packages, Remedy
from shares_core.entrypoints.cli.remedies import worded

# Captured from LVM 2.03.16 (Debian 12) with LC_ALL=C; exit status 5, or 3 for bad names and missing targets.
LEAKED = "File descriptor 9 (/dev/dm-0) leaked on lvremove invocation. Parent PID 517: bash\n"
TALK = """\
  Rounding up size to full physical extent 104.00 MiB
  Thin pool volume with chunk size 64.00 KiB can address at most <15.88 TiB of data.
"""
EXISTS = '  Logical Volume "first" already exists in volume group "vg"\n'
FULL = '  Volume group "vg" has insufficient free space (2022 extents): 25600 required.\n'
FULL_TO_GROW = "  Insufficient free space: 5070 extents needed, but only 1997 available\n"
TOO_SMALL = "  Not enough space for thin pool creation.\n"
FULL_THIN = "  Cannot create new thin volume, free space in thin pool vg/pool reached threshold.\n"
GONE = '  Failed to find logical volume "vg/nolv"\n'
IN_USE = LEAKED + "  Logical volume vg/first in use.\n"
SAME = "  New size (50 extents) matches existing size (50 extents).\n"
NO_DRIVER = """\
  /dev/mapper/control: open failed: No such device
  Failure to communicate with kernel device-mapper driver.
  Check that device-mapper is available in the kernel.
  Incompatible libdevmapper 1.02.185 (2022-05-18) and kernel driver (unknown version).
"""
NO_TARGET = """\
modprobe: FATAL: Module dm-thin-pool not found in directory /lib/modules/6.18.44-fc-v669
  /sbin/modprobe failed: 1
  thin-pool: Required device-mapper target(s) not detected in your kernel.
  Run `lvcreate --help' for more information.
"""
INCOMPLETE = """\
  Cannot change VG vg while PVs are missing.
  See vgreduce --removemissing and vgextend --restoremissing.
"""
EXPORTED = '  Volume group "vg" is exported\n'
NOT_ROOT = """\
  WARNING: Running as a non-root user. Functionality may be unavailable.
  /run/lock/lvm/V_vg:aux: open failed: Permission denied
  Can't get lock for vg.
  Cannot process volume group vg
"""
BAD_NAME = """\
  Logical volume name "aaaa" is invalid.
  Run `lvcreate --help' for more information.
"""


def meaning(said: str, *, status: int | None = 5, thin_pool: str = "") -> SharesError | None:
    return translated(CommandFailed(("lvcreate", "-x"), status, said), GROUP, thin_pool)


@pytest.mark.parametrize(
    ("said", "error", "hint"),
    [
        (EXISTS, Conflict, "'lvs vg' shows what is there"),
        (FULL, NoCapacity, "delete something, or add a device: 'vgextend vg DEVICE'"),
        (FULL_TO_GROW, NoCapacity, "delete something, or add a device: 'vgextend vg DEVICE'"),
        (TOO_SMALL, NoCapacity, "delete something, or add a device: 'vgextend vg DEVICE'"),
        (GONE, ShareFailed, "restore the volume from a backup, or delete the share"),
        (IN_USE, BackendFailure, "'lsblk' and 'findmnt' show by what; stop that, and try again"),
        (
            NO_GROUP,
            HostNotReady,
            "attach the device that it is on, or make it: 'shares-core pool create DEVICE'",
        ),
        (
            NO_DRIVER,
            HostNotReady,
            "'modprobe dm_mod'; 'shares-core doctor' tells what else this kernel lacks",
        ),
        (
            NO_TARGET,
            HostNotReady,
            "'modprobe dm_mod'; 'shares-core doctor' tells what else this kernel lacks",
        ),
        (INCOMPLETE, HostNotReady, "attach the device that it misses; 'pvs' names it"),
        (EXPORTED, HostNotReady, "vgimport vg"),
        (NOT_ROOT, HostNotReady, "run it as root"),
    ],
)
def test_a_complaint_is_the_error_that_it_means(said: str, error: type[SharesError], hint: str) -> None:
    """Exactly that one, in LVM's own words, with what to do."""
    found = meaning(said)
    assert (error, hint) == (type(found), worded(found.remedy) if found else None)
    words = " ".join(said.replace(LEAKED, "").split())
    assert f"LVM says: {words}" == " ".join(str(found).split())


def test_a_full_thin_pool_is_named_with_what_enlarges_it() -> None:
    """Its data or its tables; only the volume group if there is no thin pool."""
    told = (
        "make the thin pool larger: 'lvextend --size +SIZE {0}', or for its tables "
        "'lvextend --poolmetadatasize +SIZE {0}'"
    )
    for thin_pool, place in ((POOL, "vg/pool"), ("", "vg")):
        found = meaning(FULL_THIN, thin_pool=thin_pool)
        assert (NoCapacity, told.format(place)) == (type(found), worded(found.remedy) if found else None)


def test_lvms_other_output_is_not_a_complaint() -> None:
    """About descriptors that a caller left open, and about rounding; similar lines stay."""
    said = LEAKED * 2 + TALK + EXISTS + "  File descriptors ran out\n"
    message = 'LVM says: Logical Volume "first" already exists in volume group "vg" File descriptors ran out'
    assert message == str(meaning(said))
    assert meaning(LEAKED + TALK) is None


@pytest.mark.parametrize("said", [BAD_NAME, SAME, "", "  Something of a later version.\n"])
def test_an_unknown_complaint_is_the_failed_command(said: str) -> None:
    """Its error is then raised unchanged."""
    assert meaning(said, status=3) is None


@pytest.mark.parametrize(
    ("said", "already"),
    [
        (SAME, True),
        ("  New size given (25 extents) not larger than existing size (50 extents)\n", True),
        ("  New size given (50 extents) not less than existing size (25 extents)\n", True),
        *((said, False) for said in (FULL_TO_GROW, GONE, IN_USE, BAD_NAME)),
    ],
)
def test_the_complaint_about_an_unchanged_size_is_recognised(said: str, already: bool) -> None:
    """Then there is nothing to do."""
    assert already == bool(ALREADY_SO.search(said))


@pytest.mark.parametrize("said", ["", EXISTS])
def test_a_command_that_hung_has_no_meaning(said: str) -> None:
    """Whatever it printed: it was killed, so what it did is not known."""
    found = meaning(said, status=None)
    assert BackendFailure is type(found)
    assert "lvcreate did not end in 60 s on volume group vg" == str(found)
    assert worded(found.remedy) == (
        "'ps' shows which command of LVM's hangs, 'vgs vg' whether its devices answer"
    )


def test_a_failed_command_raises_what_it_means_and_keeps_its_own_words(fake_lvm: FakeLvm) -> None:
    """As the cause; an unknown complaint is raised unchanged, and success returns the output."""
    fake_lvm.answer("lvcreate", complaint=FULL, status=5)
    with pytest.raises(NoCapacity, match="insufficient free space") as raised:
        lvm("lvcreate", "--name", "x", "vg", group=GROUP)
    assert isinstance(raised.value.__cause__, CommandFailed)
    fake_lvm.answer("lvcreate", complaint=BAD_NAME, status=3)
    with pytest.raises(CommandFailed, match="lvcreate failed with status 3") as failed:
        lvm("lvcreate", group=GROUP)
    assert 3 == failed.value.status
    fake_lvm.answer("lvcreate", "made\n", complaint=LEAKED)
    assert "made\n" == lvm("lvcreate", group=GROUP)


def test_a_group_is_read_with_one_command_or_two(fake_lvm: FakeLvm) -> None:
    """The second only if it has no volumes."""
    fake_lvm.answer("lvs", LVS, complaint=LEAKED)
    found = read_group(GROUP)
    assert (UUID, ["first"]) == (found.uuid, [volume.name for volume in found.volumes])
    assert ["lvs"] == [line.split()[0] for line in fake_lvm.asked]
    fake_lvm.answer("lvs", EMPTY_LVS)
    fake_lvm.answer("vgs", VGS)
    found = read_group(GROUP)
    assert (UUID, ()) == (found.uuid, found.volumes)
    assert ["lvs", "lvs", "vgs"] == [line.split()[0] for line in fake_lvm.asked]


@pytest.mark.parametrize(
    "said", ["", "nonsense", EMPTY_LVS.replace("lv", "seg"), LVS.replace("lv_size", "size")]
)
def test_an_unreadable_report_is_an_error(fake_lvm: FakeLvm, said: str) -> None:
    """Nothing is guessed from it."""
    fake_lvm.answer("lvs", said)
    with pytest.raises(BackendFailure, match="report on volume group vg cannot be read: ") as told:
        read_group(GROUP)
    assert "'lvm version' tells which this is" in worded(told.value.remedy)


def test_a_missing_lvm_is_named_with_its_package(fake_lvm: FakeLvm) -> None:
    """For any of its commands; if it is installed, they run."""
    with pytest.raises(HostNotReady, match=r"^lvs is not installed$") as told:
        read_group(GROUP)
    assert Remedy.of(Packages(("lvm2",))) == told.value.remedy
    for program in (
        *("lvm", "lvs", "lvcreate", "lvchange", "lvextend", "lvreduce", "lvremove"),
        *("vgs", "vgcreate", "vgextend", "vgreduce", "vgremove", "pvremove"),
    ):
        with pytest.raises(HostNotReady, match=f"^{program} is not installed$") as told:
            lvm(program, group=GROUP)
        assert Remedy.of(Packages(("lvm2",))) == told.value.remedy
        fake_lvm.answer(program)
        lvm(program, group=GROUP)


def test_a_command_that_hangs_is_ended(fake_lvm: FakeLvm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not answer does not hold up its caller for ever, and the process is gone."""
    monkeypatch.setattr(commands, "LVM_SECONDS", 0.5)
    process = fake_lvm.folder / "process"
    fake_lvm.script("lvs", f'echo $$ >"{process}"', "exec /bin/sleep 60")
    with pytest.raises(BackendFailure, match="lvs did not end in 0 s on volume group vg"):
        read_group(GROUP)
    with pytest.raises(ProcessLookupError):
        os.kill(int(process.read_text()), 0)
