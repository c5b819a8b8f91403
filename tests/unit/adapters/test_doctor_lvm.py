"""What doctor says of a host with a pool of logical volumes."""

from __future__ import annotations

import pytest
from attrs import evolve
from tests.settings import with_pool
from tests.unit.adapters.lvm_words import GROUP, NO_GROUP, OTHER_UUID, POOL, THIN_POOL, UUID, lvs
from tests.unit.adapters.lvm_world import FakeLvm, installation

from shares_core import bootstrap
from shares_core.config import DockerSettings, FilePool, HostConfig, LvmPool
from shares_core.domain.findings import Finding, Verdict
from shares_core.domain.pools import ThinPoolName, VolumeGroupName
from shares_core.domain.remedy import Call, Packages, Remedy, UseCase
from shares_core.domain.volume import PoolName

LVM2 = Remedy.of(Packages(("lvm2",)))
LVM_TOOLS = ("lvm", "lvcreate", "lvchange", "lvextend", "lvreduce", "lvremove")
# Captured from LVM 2.03.16 and thin-provisioning-tools 0.9.0 (Debian 12).
LVM_VERSION = "  LVM version:     2.03.16(2) (2022-05-18)\n  Library version: 1.02.185 (2022-05-18)\n"
THIN_VERSION = "0.9.0\n"


@pytest.fixture
def thick(fake_lvm: FakeLvm) -> HostConfig:
    """A host that has no programs."""
    return HostConfig(
        fake_lvm.folder / "state",
        pools=(LvmPool(volume_group=VolumeGroupName(GROUP)),),
        docker=DockerSettings(url="tcp://127.0.0.1:1"),
    )


@pytest.fixture
def thin(thick: HostConfig) -> HostConfig:
    return with_pool(thick, thin_pool=ThinPoolName(POOL))


def examined(config: HostConfig) -> dict[str, Finding]:
    return {finding.subject: finding for finding in bootstrap.examine(config)}


def test_the_needs_of_logical_volumes_are_checked_only_for_such_pools(
    thick: HostConfig, thin: HostConfig
) -> None:
    """They need no loop devices; a thin pool needs more than thick volumes, and files need none of it."""
    lvm, more = {"lvm2", "kernel: dm_mod"}, {"thin-provisioning-tools", "kernel: dm_thin_pool"}
    files = evolve(thin, pools=(FilePool(),))
    both = thin.with_pool(FilePool(name=PoolName("slow"), dir="/srv/slow"))
    subjects = [set(examined(config)) for config in (files, thick, thin, both)]
    everything = lvm | more | {"loop devices"}
    expected = [{"loop devices"}, lvm, lvm | more, everything]
    assert expected == [everything & found for found in subjects]


def test_missing_tools_are_named_with_their_packages(thin: HostConfig) -> None:
    """Each by itself; without LVM nothing is known of the pool, and the same command fixes that."""
    found = examined(thin)
    assert Finding("lvm2", Verdict.MISSING, f"not installed: {', '.join(LVM_TOOLS)}", LVM2) == (found["lvm2"])
    assert (
        Finding(
            "thin-provisioning-tools",
            Verdict.MISSING,
            "not installed: thin_check",
            Remedy.of(Packages(("thin-provisioning-tools",))),
        )
        == (found["thin-provisioning-tools"])
    )
    assert Finding("pool", Verdict.MISSING, "lvs is not installed", LVM2) == found["pool"]


def test_installed_tools_are_reported_with_their_versions(fake_lvm: FakeLvm, thin: HostConfig) -> None:
    """In their own words; only a missing one is named."""
    for tool in LVM_TOOLS:
        fake_lvm.answer(tool, LVM_VERSION)
    fake_lvm.answer("thin_check", THIN_VERSION)
    found = examined(thin)
    assert Finding("lvm2", Verdict.OK, f"2.3.16 ({', '.join(LVM_TOOLS)})") == found["lvm2"]
    tools = "thin-provisioning-tools"
    assert Finding(tools, Verdict.OK, "0.9.0 (thin_check)") == found[tools]
    (fake_lvm.folder / "bin/lvreduce").unlink()
    assert "not installed: lvreduce" == examined(thin)["lvm2"].detail


def test_the_pool_is_judged_and_left_as_it_is(fake_lvm: FakeLvm, thin: HostConfig) -> None:
    """A missing pool, another installation's and one that fills up are reported; doctor uses none of them."""
    fake_lvm.answer("lvs", lvs(THIN_POOL))
    assert (
        Finding("pool", Verdict.OK, "0 B promised to shares at vg/pool, 1 GiB free") == examined(thin)["pool"]
    )
    assert "" == installation(fake_lvm).pool_id()
    fake_lvm.answer("lvs", lvs({**THIN_POOL, "data_percent": "93.40"}))
    finding = examined(thin)["pool"]
    assert (Verdict.NOTE, True) == (finding.verdict, "the data of vg/pool is 93 % full" in finding.detail)
    fake_lvm.answer("lvs", complaint=NO_GROUP, status=5)
    finding = examined(thin)["pool"]
    assert Verdict.MISSING is finding.verdict
    assert Call(UseCase.BUILD_POOL, ("DEVICE",)) in finding.remedy.parts
    installation(fake_lvm).remember_pool(UUID)
    fake_lvm.answer("lvs", lvs(THIN_POOL, vg_uuid=OTHER_UUID))
    finding = examined(thin)["pool"]
    assert (Verdict.MISSING, True) == (finding.verdict, f"which is {UUID}" in finding.detail)
    assert [] == fake_lvm.changed
