from __future__ import annotations

import json

import pytest
from attrs import evolve
from tests.unit.world import World

from shares_core.adapters.doctor import rules
from shares_core.adapters.doctor.examine import share_findings
from shares_core.domain.capacity import GIB, MIB
from shares_core.domain.errors import HostNotReady
from shares_core.domain.findings import Finding, Verdict
from shares_core.domain.remedy import Packages, Remedy
from shares_core.domain.views import PoolView
from shares_core.domain.volume import DEFAULT_POOL
from shares_core.entrypoints.cli.remedies import worded
from shares_core.testing import memory_ports


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("mount from util-linux 2.38.1 (libmount 2.38.1: selinux, smack, btrfs, assert, debug)", (2, 38, 1)),
        ("e2fsck 1.47.0 (5-Feb-2023)\n\tUsing EXT2FS Library version 1.47.0, 5-Feb-2023\n", (1, 47, 0)),
        ("mkfs.xfs version 6.1.0", (6, 1, 0)),
        ("nftables v1.0.6 (Lester Gooch #5)", (1, 0, 6)),
        ("6.18.44-fc-v595", (6, 18, 44)),
        ("  LVM version:     2.03.16(2) (2022-05-18)\n  Library version: 1.02.185 (2022-05-18)", (2, 3, 16)),
        ("0.9.0\n", (0, 9, 0)),
        ("", ()),
    ],
)
def test_a_version_is_found_in_a_programs_output(text: str, version: tuple[int, ...]) -> None:
    """The first dotted number is the version."""
    assert version == rules.parse_version(text)


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ('["name=seccomp,profile=default"]', Verdict.OK),
        ('["name=apparmor","name=seccomp,profile=builtin","name=cgroupns"]', Verdict.OK),
        ('["name=seccomp,profile=builtin","name=rootless","name=cgroupns"]', Verdict.MISSING),
        ('["name=seccomp,profile=default","name=userns"]', Verdict.MISSING),
        ("[]", Verdict.OK),
    ],
)
def test_rootless_docker_and_remapped_users_are_reported(options: str, verdict: Verdict) -> None:
    """Docker's security options show both."""
    assert verdict == rules.judge_isolation(json.loads(options)).verdict


@pytest.mark.parametrize(
    ("reason", "installed", "systemd", "mend"),
    [
        ("[Errno 13] Permission denied", True, True, "sudo shares-core doctor"),
        ("[Errno 2] No such file or directory", False, True, "apt-get install docker.io"),
        ("[Errno 111] Connection refused", True, True, "systemctl enable --now docker"),
        ("[Errno 2] No such file or directory", True, False, "dockerd >/var/log/dockerd.log 2>&1 &"),
    ],
)
def test_the_remedy_for_a_silent_docker_fits_the_reason(
    reason: str, installed: bool, systemd: bool, mend: str
) -> None:
    """No permission, not installed and not running are different things to do."""
    finding = rules.judge_docker_silence(reason, installed=installed, systemd=systemd)
    assert (Verdict.MISSING, mend) == (finding.verdict, worded(finding.remedy))


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize("systemd", [True, False])
def test_a_configured_docker_that_is_silent_is_named_and_no_other_is_started(
    installed: bool, systemd: bool
) -> None:
    """A Docker that this host could start or install may not be the configured one."""
    url = "tcp://127.0.0.1:1"
    finding = rules.judge_docker_silence("refused", installed=installed, systemd=systemd, url=url)
    assert Verdict.MISSING is finding.verdict
    assert f"nothing answers at {url}, which is [docker] url in the configuration: refused" == finding.detail
    assert "correct [docker] url in the configuration, or start the Docker that it names" == worded(
        finding.remedy
    )


def test_a_configured_docker_that_refuses_this_user_is_named() -> None:
    """Then the user is wrong, not the address."""
    reason = "[Errno 13] Permission denied"
    finding = rules.judge_docker_silence(reason, installed=True, systemd=True, url="unix:///x")
    assert ("this user may not talk to Docker at unix:///x", "sudo shares-core doctor") == (
        finding.detail,
        worded(finding.remedy),
    )


@pytest.mark.parametrize(
    ("enabled", "parser", "verdict"),
    [
        (False, False, Verdict.OK),
        (False, True, Verdict.OK),
        (True, True, Verdict.OK),
        (True, False, Verdict.MISSING),
    ],
)
def test_apparmor_needs_its_parser_only_when_it_is_on(enabled: bool, parser: bool, verdict: Verdict) -> None:
    """AppArmor in the kernel without the parser keeps Docker from starting any container."""
    assert verdict == rules.judge_apparmor(enabled=enabled, parser=parser).verdict


def test_missing_programs_are_named_with_their_package() -> None:
    """Only what is absent is named."""
    found, packages = {"mkfs.ext4": True, "resize2fs": False}, Packages(("e2fsprogs",))
    assert Finding(
        "e2fsprogs", Verdict.MISSING, "not installed: resize2fs", Remedy.of(packages)
    ) == rules.judge_tools("e2fsprogs", found, (1, 47), packages, needed=True)


def test_optional_programs_are_a_note() -> None:
    """Servers work without xfs."""
    found = rules.judge_tools("xfsprogs", {"mkfs.xfs": False}, (), Packages(("x",)), needed=False)
    assert Verdict.NOTE is found.verdict


@pytest.mark.parametrize(
    ("version", "verdict"),
    [((2, 37, 2), Verdict.MISSING), ((2, 38), Verdict.OK), ((2, 41), Verdict.OK), ((), Verdict.OK)],
)
def test_mount_has_to_know_nosymfollow(version: tuple[int, ...], verdict: Verdict) -> None:
    """An older mount passes the option to the file system, which refuses it."""
    assert verdict == rules.judge_util_linux(version).verdict


@pytest.mark.parametrize(
    ("release", "verdict"),
    [
        ("5.4.0-150-generic", Verdict.MISSING),
        ("5.10.0-28-amd64", Verdict.MISSING),
        ("5.14.0-427.el9.x86_64", Verdict.OK),
        ("6.18.44-fc-v595", Verdict.OK),
    ],
)
def test_the_kernel_has_to_know_idmapped_mounts_and_nosymfollow(release: str, verdict: Verdict) -> None:
    """Together, since Linux 5.14."""
    assert verdict == rules.judge_kernel(release).verdict


@pytest.mark.parametrize(
    ("loaded", "loadable", "known", "verdict"),
    [
        (True, False, False, Verdict.OK),
        (False, True, True, Verdict.OK),
        (False, False, True, Verdict.MISSING),
        (False, False, False, Verdict.NOTE),
    ],
)
def test_a_module_is_missing_only_where_the_kernels_modules_are_known(
    loaded: bool, loadable: bool, known: bool, verdict: Verdict
) -> None:
    """A kernel without a folder of modules may have it built in."""
    assert (
        verdict == rules.judge_module("bridge", loaded=loaded, loadable=loadable, modules_known=known).verdict
    )


@pytest.mark.parametrize(
    ("known", "verdict"), [(True, Verdict.OK), (False, Verdict.NOTE), (None, Verdict.NOTE)]
)
def test_a_kernel_that_does_not_fold_case_is_a_note(known: bool | None, verdict: Verdict) -> None:
    """Only shares that ask for it need it."""
    assert verdict == rules.judge_case_fold(known).verdict


@pytest.mark.parametrize(
    ("free", "verdict"),
    [(MIB, Verdict.MISSING), (64 * MIB, Verdict.NOTE), (GIB - 1, Verdict.NOTE), (GIB, Verdict.OK)],
)
def test_little_space_is_a_note_and_none_is_missing(free: int, verdict: Verdict) -> None:
    """Records need little space, shares much more."""
    assert verdict == rules.judge_room("/var/lib", free).verdict


@pytest.mark.parametrize(("uid", "verdict"), [(0, Verdict.OK), (1000, Verdict.MISSING)])
def test_root_is_needed(uid: int, verdict: Verdict) -> None:
    """Mounts and interfaces need root."""
    assert verdict == rules.judge_root(uid).verdict


def _pool(total: int, provisioned: int, free: int, *, overprovisioned: bool = False) -> PoolView:
    return PoolView(DEFAULT_POOL, "loop files", "/pool", total, provisioned, free, overprovisioned)


@pytest.mark.parametrize(
    ("pool", "verdict", "said"),
    [
        (_pool(GIB, 0, GIB), Verdict.OK, "0 B of 1 GiB promised to shares at /pool"),
        (_pool(GIB, GIB, 0), Verdict.OK, "1 GiB of 1 GiB promised to shares at /pool"),
        (_pool(GIB, GIB + 1, 0), Verdict.NOTE, "its size is 1 GiB, less than the 1 GiB"),
        (_pool(2 * GIB, GIB, MIB), Verdict.NOTE, "its size is 2 GiB, but the disk at /pool can hold 1 GiB"),
        (_pool(2 * GIB, GIB, GIB - 1), Verdict.NOTE, "the disk at /pool can hold"),
        (_pool(GIB, 5 * GIB, GIB, overprovisioned=True), Verdict.OK, "5 GiB promised to shares at /pool"),
    ],
)
def test_a_pool_s_size_is_one_that_it_can_have(pool: PoolView, verdict: Verdict, said: str) -> None:
    """Less than was promised, or more than the disk holds, is worth a note; servers still work."""
    finding = rules.judge_pool(pool)
    assert verdict is finding.verdict
    assert said in finding.detail
    assert (verdict is Verdict.NOTE) == ("[pool] size" in worded(finding.remedy))


THICK = PoolView(
    DEFAULT_POOL, "lvm", "vg", total=10 * GIB, provisioned=GIB, free=2 * GIB, overprovisioned=False
)
THIN = evolve(THICK, kind="lvm thin", location="vg/pool", data_percent=80.0, metadata_percent=5.0)

LARGER = "make it larger with 'lvextend --size +SIZE vg/pool'"
MORE_TABLES = "make it larger with 'lvextend --poolmetadatasize +SIZE vg/pool'"


@pytest.mark.parametrize(
    ("pool", "verdict", "said", "mend"),
    [
        (THICK, Verdict.OK, "1 GiB promised to shares at vg, 2 GiB free", ""),
        (evolve(THICK, free=0), Verdict.OK, "1 GiB promised to shares at vg, 0 B free", ""),
        (THIN, Verdict.OK, "1 GiB promised to shares at vg/pool, 2 GiB free", ""),
        (
            evolve(THIN, provisioned=20 * GIB, overprovisioned=True),
            Verdict.OK,
            "20 GiB promised to shares at vg/pool, overprovisioned",
            "",
        ),
        (
            evolve(THIN, data_percent=91.0),
            Verdict.NOTE,
            "the data of vg/pool is 91 % full",
            LARGER,
        ),
        (
            evolve(THIN, data_percent=99.0, metadata_percent=81.0, overprovisioned=True),
            Verdict.NOTE,
            "the data of vg/pool is 99 % full; the metadata of vg/pool is 81 % full",
            f"{LARGER}; {MORE_TABLES}",
        ),
    ],
)
def test_a_volume_group_may_hold_what_is_others(
    pool: PoolView, verdict: Verdict, said: str, mend: str
) -> None:
    """What it lacks to its size is theirs, and no fault; a thin pool that fills up is worth a note."""
    found = rules.judge_pool(pool)
    assert ("pool", verdict, said, mend) == (found.subject, found.verdict, found.detail, worded(found.remedy))


@pytest.mark.parametrize(
    ("root", "cause", "verdict"),
    [
        (True, PermissionError(), Verdict.MISSING),
        (False, PermissionError(), Verdict.NOTE),
        (False, OSError(), Verdict.MISSING),
    ],
)
def test_what_only_root_may_see_is_not_a_lack(root: bool, cause: OSError, verdict: Verdict) -> None:
    """That root is missing is reported once; here it is only a note."""
    error = HostNotReady("reading it: no", hint="run it as root")
    error.__cause__ = cause
    assert verdict is rules.judge_refusal("pool", error, root=root).verdict


def test_lvms_own_refusal_is_a_note_without_root_too() -> None:
    """LVM says so in its own words, not with a system error."""
    error = HostNotReady(
        "LVM says: /run/lock/lvm/V_vg:aux: open failed: Permission denied", hint="run it as root"
    )
    assert Verdict.NOTE is rules.judge_refusal("pool", error, root=False).verdict
    assert Verdict.MISSING is rules.judge_refusal("pool", error, root=True).verdict


def test_a_share_that_runs_out_of_room_is_a_note() -> None:
    """With what can be done about it. A host without servers has none."""
    world = World.new()
    world.served()
    ports = memory_ports(world.machine)
    assert [] == list(share_findings(ports.records, ports.filesystems))
    content = world.content()
    content.files["large"] = bytes(content.total - MIB)
    (found,) = share_findings(ports.records, ports.filesystems)
    assert ("share files of tenant", Verdict.NOTE) == (found.subject, found.verdict)
    assert "has only 1 MiB of 63 MiB left" == found.detail
    assert "Host.shares.extend('tenant', 'files'), or let its users delete files" == str(found.remedy)
