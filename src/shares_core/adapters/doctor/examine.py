"""What this host lacks for share servers, and the commands that fix it. Changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_ISCHR
from typing import Any, TypeGuard

from shares_core.adapters.containers.client import Docker
from shares_core.adapters.containers.errors import docker_errors
from shares_core.adapters.containers.image import BUILD, ImageStatus, image_state
from shares_core.adapters.doctor import rules
from shares_core.adapters.doctor.firewall import VERSIONS, Segment, judge_firewalls
from shares_core.adapters.filesystems.casefold import knows_case_fold
from shares_core.adapters.filesystems.mounting import require_mounting
from shares_core.adapters.linux.commands import environment, is_installed, run
from shares_core.adapters.linux.idmap import IdMapping, namespace
from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.adapters.network.netlink import netlink_socket
from shares_core.adapters.network.refusals import try_refusing
from shares_core.adapters.network.ruleset.frames import IpNetwork
from shares_core.adapters.network.ruleset.read import look
from shares_core.adapters.network.xtables import is_asked
from shares_core.domain.errors import RecordUnreadable, SharesError
from shares_core.domain.findings import Finding
from shares_core.domain.network import DefaultNetwork
from shares_core.domain.remedy import HostTool, Packages, Parameter
from shares_core.domain.server import FIRST_SERVER_UID, ShareServer
from shares_core.domain.volume import DISK_OWNER
from shares_core.ports.filesystems import FileSystems
from shares_core.ports.records import Records
from shares_core.ports.storage import BlockStorage

#: Subject, Debian packages, programs, the command that prints the version, whether servers need it.
_Tools = tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...], bool]
_TOOLS: tuple[_Tools, ...] = (
    (
        "util-linux",
        ("mount", "util-linux"),
        ("mount", "umount", "losetup", "blkid", "blockdev", "unshare"),
        ("mount", "--version"),
        True,
    ),
    ("e2fsprogs", ("e2fsprogs",), ("mkfs.ext4", "e2fsck", "resize2fs", "dumpe2fs"), ("e2fsck", "-V"), True),
    ("nftables", ("nftables",), ("nft",), ("nft", "--version"), True),
    ("xfsprogs (for shares on xfs)", ("xfsprogs",), ("mkfs.xfs", "xfs_growfs"), ("mkfs.xfs", "-V"), False),
)
_LVM_TOOLS: tuple[_Tools, ...] = (
    (
        "lvm2",
        ("lvm2",),
        ("lvm", "lvcreate", "lvchange", "lvextend", "lvreduce", "lvremove"),
        ("lvm", "version"),
        True,
    ),
)
#: LVM runs these when it activates a thin pool.
_THIN_TOOLS: tuple[_Tools, ...] = (
    (
        "thin-provisioning-tools",
        ("thin-provisioning-tools",),
        ("thin_check",),
        ("thin_check", "--version"),
        True,
    ),
)
_NFT_PROBE = b"table netdev shares-doctor {\n}\n"


def examine(
    *,
    state_dir: Path,
    pool_dirs: Sequence[Path],
    lvm: bool,
    thin: bool,
    image: str,
    recipe: str,
    docker_url: str | None,
    network: DefaultNetwork,
    port: int,
    storage: BlockStorage,
    records: Records,
    filesystems: FileSystems,
) -> tuple[Finding, ...]:
    """Every check's finding, in an order for fixing them. Raises no expected error; changes nothing.

    ``pool_dirs`` are the folders of pools of files; ``lvm`` means that pools of logical volumes exist, and
    ``thin`` that one of them is a thin pool. ``port`` is what clients connect to.
    """
    return (
        rules.judge_root(os.geteuid()),
        rules.judge_kernel(platform.release()),
        *_docker(docker_url, image, recipe),
        rules.judge_apparmor(
            enabled=_read("/sys/module/apparmor/parameters/enabled") == "Y",
            parser=is_installed("apparmor_parser"),
        ),
        *_tools(_TOOLS),
        *((_loop_devices(),) if pool_dirs else ()),
        *(_lvm(thin) if lvm else ()),
        _module("bridge", Path("/sys/module/bridge")),
        idmapped_mounts(),
        rules.judge_case_fold(knows_case_fold()),
        *_packet_filter(),
        *closed_ports(),
        *firewall_findings(network, port, records),
        *_folders(state_dir, pool_dirs),
        *pool_findings(storage),
        *record_findings(records),
        *share_findings(records, filesystems),
    )


def _docker(url: str | None, image: str, recipe: str) -> Iterable[Finding]:
    docker = Docker(url)
    try:
        with docker_errors("asking Docker about itself"):
            info: dict[str, Any] = docker.api.info()
    except SharesError as error:
        yield rules.judge_docker_silence(
            _root_cause(error),
            installed=is_installed("dockerd"),
            systemd=Path("/run/systemd/system").is_dir(),
            url=url or "",
        )
        return
    yield rules.ok("docker", f"version {info.get('ServerVersion', 'unknown')}")
    yield rules.judge_isolation(info.get("SecurityOptions") or ())
    try:
        state = image_state(docker.api, image, recipe)
    except SharesError as error:
        yield rules.missing("image", str(error), BUILD)
        return
    if state.status is ImageStatus.CURRENT:
        yield rules.ok("image", state.message)
    else:
        yield rules.missing("image", state.message, BUILD)


def _root_cause(error: BaseException) -> str:
    """The message of the innermost error: docker-py wraps the system's error several times."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error)


def _lvm(thin: bool) -> Iterable[Finding]:
    """What logical volumes need of the host, and what a thin pool needs besides."""
    yield from _tools(_LVM_TOOLS if not thin else (*_LVM_TOOLS, *_THIN_TOOLS))
    yield _module("dm_mod", Path("/sys/class/misc/device-mapper"))
    if thin:
        yield _module("dm_thin_pool", Path("/sys/module/dm_thin_pool"))


def _tools(tools: Iterable[_Tools]) -> Iterable[Finding]:
    for subject, packages, programs, asking, needed in tools:
        version = rules.parse_version(_words(asking))
        yield rules.judge_tools(
            subject,
            {name: is_installed(name) for name in programs},
            version,
            Packages(packages),
            needed=needed,
        )
        if subject == "util-linux":
            yield rules.judge_util_linux(version)


def _loop_devices() -> Finding:
    try:
        there = S_ISCHR(os.stat("/dev/loop-control").st_mode)
    except OSError:
        there = False
    if there:
        return rules.ok("loop devices", "/dev/loop-control is there")
    return rules.missing("loop devices", "/dev/loop-control is not there", HostTool("modprobe", ("loop",)))


def _module(name: str, sign: Path) -> Finding:
    """A part of the kernel; ``sign`` exists if it is loaded or built in."""
    return rules.judge_module(
        name,
        loaded=sign.exists(),
        loadable=_works(("modprobe", "--dry-run", "--quiet", name)),
        modules_known=Path("/lib/modules", platform.release()).is_dir(),
    )


def idmapped_mounts() -> Finding:
    """Root makes a user namespace, as each mount does: only this shows how this process is confined."""
    try:
        require_mounting(MountCalls())
        if os.geteuid() == 0:
            with namespace(IdMapping(DISK_OWNER, FIRST_SERVER_UID)) as give:
                give()
    except SharesError as error:
        return rules.missing("idmapped mounts", error.message, error.remedy)
    return rules.ok("idmapped mounts", "there, and so are user namespaces")


def _packet_filter() -> Iterable[Finding]:
    """Has the kernel itself check rules, without loading them."""
    if not is_installed("nft"):
        return  # the tools' findings say so
    try:
        run(("nft", "--check", "--file", "-"), stdin=_NFT_PROBE)
    except SharesError as error:
        mend = HostTool("modprobe", ("nf_tables",)) if os.geteuid() == 0 else rules.AS_ROOT
        yield rules.missing("kernel: nf_tables", str(error), mend)
    else:
        yield rules.ok("kernel: nf_tables", "takes rules for devices")


def closed_ports() -> Iterable[Finding]:
    """Root has the kernel try it, where it changes nothing."""
    if os.geteuid() != 0 or not is_installed("nft"):
        return  # other findings say so
    try:
        try_refusing()
    except SharesError as error:
        yield rules.note("closed ports", f"are silent instead of refusing at once: {error}")
    else:
        yield rules.ok("closed ports", "refuse at once")


def firewall_findings(network: DefaultNetwork, port: int, records: Records) -> Iterable[Finding]:
    """What clients on the default network and on every server's bridge meet."""
    try:
        segments = _segments(network, records)
    except SharesError as error:
        yield rules.note("firewall", f"bridges cannot be looked at: {error}", error.remedy)
        return
    seen = look()
    for tool, reason in seen.unread.items():
        yield rules.note(f"firewall ({tool})", f"cannot be read: {reason}")
    tools = [tool for tool in ("nft", *VERSIONS) if is_installed(tool)]
    told = [tool for tool in tools if not any(name.startswith(tool) for name in seen.unread)]
    yield from judge_firewalls(seen.ruleset, segments, port, told)


def _segments(network: DefaultNetwork, records: Records) -> list[Segment]:
    """Each bridge of the records with each of its networks, the default one first."""
    networks: dict[tuple[str, IpNetwork], None] = {(str(network.bridge), network.subnet): None}
    try:
        found = records.load_all()
    except SharesError:
        found = ()  # the records' finding says so
    for record in found:
        for interface in record.interfaces if isinstance(record, ShareServer) else ():
            for address in interface.addresses:
                networks[interface.attachment.device, address.network] = None
    with netlink_socket("looking at bridges") as netlink:
        links = list(netlink.get_links())
    numbers = {link.get("ifname"): link["index"] for link in links}
    return [
        Segment(
            bridge,
            each,
            bridge in numbers,
            any(is_asked(name, bridge) for name, version in VERSIONS.items() if version == each.version),
            frozenset(link.get("ifname") for link in links if link.get("master") == numbers[bridge])
            if bridge in numbers
            else None,
        )
        for bridge, each in networks
    ]


def _folders(state_dir: Path, pool_dirs: Sequence[Path]) -> Iterable[Finding]:
    there = _nearest(state_dir)
    if os.access(there, os.W_OK | os.X_OK):
        yield rules.ok("state folder", f"{state_dir} can be written")
    else:
        yield rules.missing(
            "state folder", f"{there} cannot be written", "choose another with ", Parameter("state_dir")
        )
    for folder in dict.fromkeys((there, *map(_nearest, pool_dirs))):
        yield rules.judge_room(str(folder), shutil.disk_usage(folder).free)


def pool_findings(storage: BlockStorage) -> Iterable[Finding]:
    """Whether each pool exists, is this installation's, and has a possible size."""
    for pool in storage.pools():
        try:
            yield rules.judge_pool(storage.pool(pool))
        except SharesError as error:
            yield rules.judge_refusal(rules.pool_subject(pool), error, root=os.geteuid() == 0)


def record_findings(records: Records) -> Iterable[Finding]:
    """The records that cannot be read: no server can be made meanwhile."""
    try:
        found = records.load_all()
    except SharesError as error:
        yield rules.judge_refusal("records", error, root=os.geteuid() == 0)
        return
    unreadable = [record for record in found if isinstance(record, RecordUnreadable)]
    for record in unreadable:
        yield rules.judge_refusal("record", record, root=os.geteuid() == 0)
    if not unreadable:
        yield rules.ok("records", f"{len(found)} can be read")


def share_findings(records: Records, filesystems: FileSystems) -> Iterable[Finding]:
    """The mounted shares that run out of space or files; what cannot be read, others tell of."""
    servers: Iterable[ShareServer] = ()
    with suppress(SharesError):
        servers = list(filter(_readable, records.load_all()))
    for server in servers:
        for share in server.shares:
            with suppress(SharesError):
                usage = filesystems.usage(server.id, share.id)
                if usage is not None and usage.running_out:
                    yield rules.judge_usage(server.name, share.name, usage)


def _readable(record: ShareServer | RecordUnreadable) -> TypeGuard[ShareServer]:
    return isinstance(record, ShareServer)


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest existing one above it."""
    return next(path for path in (folder, *folder.parents) if os.path.isdir(path))


def _works(argv: tuple[str, ...]) -> bool:
    try:
        run(argv)
    except SharesError:
        return False
    return True


def _words(argv: tuple[str, ...]) -> str:
    """All that a program prints; some print their version as an error. Empty if it is not installed."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=10,
            env=environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


def _read(path: str) -> str:
    """A file of the kernel; empty if it does not exist."""
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
