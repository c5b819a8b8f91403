"""What a host's output means for share servers: pure functions, from captured output to findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from shares_core.adapters.pools.identity import in_settings
from shares_core.domain.capacity import GIB, MIB, format_bytes
from shares_core.domain.errors import SharesError
from shares_core.domain.findings import Finding, Verdict
from shares_core.domain.names import ServerName, ShareName
from shares_core.domain.remedy import Action, Call, HostTool, Packages, Parameter, Remedy, UseCase
from shares_core.domain.views import PoolView, Usage
from shares_core.domain.volume import DEFAULT_POOL, PoolName

Version = tuple[int, ...]

#: nosymfollow, which keeps a share's symlinks from leading out of it.
_LEAST_UTIL_LINUX: Version = (2, 38)
#: 5.12 has idmapped mounts, and 5.14 nosymfollow for mounts that are made by file descriptors.
_LEAST_KERNEL: Version = (5, 14)
_LEAST_ROOM = 64 * MIB
_LITTLE_ROOM = GIB


#: A look at everything, by somebody who may look at everything.
AS_ROOT = Call(UseCase.EXAMINE, as_root=True)
_START_DOCKER = HostTool("systemctl", ("enable", "--now", "docker"))


def ok(subject: str, detail: str) -> Finding:
    return Finding(subject, Verdict.OK, detail)


def note(subject: str, detail: str, *mend: str | Action | Remedy) -> Finding:
    return Finding(subject, Verdict.NOTE, detail, Remedy.of(*mend))


def missing(subject: str, detail: str, *mend: str | Action | Remedy) -> Finding:
    return Finding(subject, Verdict.MISSING, detail, Remedy.of(*mend))


def parse_version(text: str) -> Version:
    """The first dotted number in a program's version text; empty if it has none."""
    match = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def show_version(version: Version) -> str:
    return ".".join(map(str, version)) or "of unknown version"


def judge_root(uid: int) -> Finding:
    if uid == 0:
        return ok("root", "running as root")
    return missing("root", f"running as user {uid}, but mounts and interfaces need root", AS_ROOT)


def judge_docker_silence(reason: str, *, installed: bool, systemd: bool, url: str = "") -> Finding:
    """Why Docker does not answer; ``reason`` is what the connection's error said.

    If the configuration has a ``url``, a Docker that this host could start may be another one.
    """
    subject = "docker"
    if "permission" in reason.lower():
        where = f" at {url}" if url else ""
        return missing(subject, f"this user may not talk to Docker{where}", AS_ROOT)
    if url:
        return missing(
            subject,
            f"nothing answers at {url}, which is [docker] url in the configuration: {reason}",
            "correct [docker] url in the configuration, or start the Docker that it names",
        )
    if not installed:
        return missing(subject, "Docker is not installed", Packages(("docker.io",)))
    start = _START_DOCKER if systemd else HostTool("dockerd", log="/var/log/dockerd.log")
    return missing(subject, f"Docker is installed but does not answer: {reason}", start)


def judge_isolation(security_options: Iterable[str]) -> Finding:
    """Whether Docker runs in a way that gives containers other mounts or user ids than the host's."""
    names = {option.split(",")[0].removeprefix("name=") for option in security_options}
    if "rootless" in names:
        return missing(
            "docker mode",
            "this is a rootless Docker, which sees neither the host's mounts nor its networks",
            "unset DOCKER_HOST, then ",
            _START_DOCKER,
        )
    if "userns" in names:
        return missing(
            "docker mode",
            "Docker remaps user ids (userns-remap), so that servers cannot own their folders",
            "remove userns-remap from /etc/docker/daemon.json, then ",
            HostTool("systemctl", ("restart", "docker")),
        )
    return ok("docker mode", "runs as root, user ids are the host's")


def judge_apparmor(*, enabled: bool, parser: bool) -> Finding:
    if not enabled:
        return ok("apparmor", "off in this kernel")
    if parser:
        return ok("apparmor", "on, with apparmor_parser")
    detail = "on, but without apparmor_parser Docker starts no container"
    return missing("apparmor", detail, Packages(("apparmor",)))


def judge_tools(
    subject: str, found: Mapping[str, bool], version: Version, packages: Packages, *, needed: bool
) -> Finding:
    """The programs of one package, and their version."""
    absent = [name for name, there in found.items() if not there]
    if absent:
        return (missing if needed else note)(subject, f"not installed: {', '.join(absent)}", packages)
    return ok(subject, f"{show_version(version)} ({', '.join(found)})")


def judge_util_linux(version: Version) -> Finding:
    if version and version < _LEAST_UTIL_LINUX:
        detail = (
            f"{show_version(version)} cannot mount with nosymfollow, {show_version(_LEAST_UTIL_LINUX)} can"
        )
        return missing("mount options", detail, "upgrade this host to Debian 12, Ubuntu 24.04 or later")
    return ok("mount options", f"util-linux {show_version(version)} knows nosymfollow")


def judge_kernel(release: str) -> Finding:
    if parse_version(release) < _LEAST_KERNEL:
        detail = f"{release} is older than {show_version(_LEAST_KERNEL)}, which has idmapped mounts"
        return missing("kernel", detail, "upgrade this host's kernel, and boot it")
    return ok("kernel", release)


def judge_module(name: str, *, loaded: bool, loadable: bool, modules_known: bool) -> Finding:
    """A part of the kernel: built in or loaded, loadable, or neither."""
    subject = f"kernel: {name}"
    if loaded or loadable:
        return ok(subject, "there" if loaded else "there to be loaded")
    if modules_known:
        return missing(
            subject, "this kernel has no such module", "boot a kernel of your distribution that has it"
        )
    return note(subject, "this kernel does not tell whether it has it")


def judge_case_fold(known: bool | None) -> Finding:
    """Whether ext4 folds case; None if the kernel does not tell."""
    subject = "ext4 case folding"
    if known is None:
        return note(subject, "ext4 is not loaded, and so does not tell whether it can")
    if known:
        return ok(subject, "there, for shares that ask for it")
    return note(subject, "this kernel has none: a share that asks for it is refused")


def judge_room(folder: str, free: int) -> Finding:
    detail = f"{format_bytes(free)} free at {folder}"
    if free < _LEAST_ROOM:
        return missing(
            "room", detail, f"make room at {folder}, or choose another with ", Parameter("state_dir")
        )
    return note("room", f"{detail}, which is little") if free < _LITTLE_ROOM else ok("room", detail)


def judge_usage(server: ServerName, share: ShareName, usage: Usage) -> Finding:
    """A share that runs out of space or files."""
    extend = Call(UseCase.SHARES_EXTEND, (str(server), str(share)))
    return note(f"share {share} of {server}", usage.running_out, extend, ", or let its users delete files")


def pool_subject(pool: PoolName) -> str:
    return "pool" if pool == DEFAULT_POOL else f"pool {pool}"


def judge_pool(pool: PoolView) -> Finding:
    """The pool's figures: what it has promised, and what the disk below still has."""
    subject, size = pool_subject(pool.name), in_settings(pool.name, "size")
    location, promised = pool.location, format_bytes(pool.provisioned)
    if pool.warnings:
        problems = "; ".join(warning.problem for warning in pool.warnings)
        return note(subject, problems, _one_by_one(warning.remedy for warning in pool.warnings))
    if pool.kind.startswith("lvm") and not pool.overprovisioned:  # others may have volumes in it too
        return ok(subject, f"{promised} promised to shares at {location}, {format_bytes(pool.free)} free")
    if pool.overprovisioned:
        return ok(subject, f"{promised} promised to shares at {location}, overprovisioned")
    if pool.provisioned > pool.total:
        return note(
            subject,
            f"its size is {format_bytes(pool.total)}, less than the {promised} promised to shares",
            f"make {size} in the configuration {pool.provisioned} or more, or delete shares",
        )
    held = pool.provisioned + pool.free
    if held < pool.total:
        return note(
            subject,
            f"its size is {format_bytes(pool.total)}, but the disk at {location} can hold "
            f"{format_bytes(held)} of it",
            f"make {size} in the configuration no more than that, or make room at {location}",
        )
    return ok(subject, f"{promised} of {format_bytes(pool.total)} promised to shares at {location}")


def _one_by_one(remedies: Iterable[Remedy]) -> Remedy:
    whole = Remedy()
    for remedy in remedies:
        whole = Remedy.of(whole, "; " if whole else "", remedy)
    return whole


def judge_refusal(subject: str, error: SharesError, *, root: bool) -> Finding:
    """What could not be checked, and why; that only root may look is not a lack."""
    denied = isinstance(error.__cause__, PermissionError) or "permission denied" in error.message.lower()
    if not root and denied:
        return note(subject, "only root may look at it", AS_ROOT)
    return missing(subject, error.message, error.remedy)
