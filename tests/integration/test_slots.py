"""A long operation on a share keeps nobody waiting: with real tools, made slow, and other calls meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from attrs import define, frozen

import shares_core
from shares_core import Busy, Capacity, FileSystemKind, Host, HostConfig, NotFound, SharesError, bootstrap
from shares_core.adapters.linux import commands
from shares_core.domain.share import ShareStatus
from shares_core.domain.views import OperationView, RunState
from tests.integration.conftest import Tenant
from tests.integration.support.damage import debugfs
from tests.integration.support.held import OK, SHARE_CLOSED, Held
from tests.testkit.clients import SmbClient
from tests.testkit.footprint import image_of
from tests.testkit.probes import until
from tests.testkit.site import POOL
from tests.testkit.slowed import Slowed, slowed

DENIED = "NT_STATUS_ACCESS_DENIED"
NO_SHARE = "NT_STATUS_BAD_NETWORK_NAME"
SMALL, LARGE = Capacity.parse("64MiB"), Capacity.parse("128MiB")
_SECONDS = 60
#: Without this capability the kernel does not grow a mounted ext4: so every kernel grows it offline.
_OFFLINE = ("setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource")


@frozen
class Long:
    """A command on the share "files", and its slow program."""

    kind: str
    words: tuple[str, ...]
    program: str
    pattern: str = "*"
    filesystem: FileSystemKind = FileSystemKind.EXT4
    damaged: bool = False
    served: bool = False
    no_return: str = ""

    @property
    def removes(self) -> bool:
        return self.kind == "share.delete"

    def argv(self, server: str) -> tuple[str, ...]:
        return *self.words[:2], server, "files", *self.words[2:]


_GROWN = Capacity(FileSystemKind.XFS.smallest.bytes + SMALL.bytes)
_EXTEND = ("share", "extend", "--size")
LONG = {
    "check": Long("share.check", ("share", "check"), "e2fsck", "*-n*"),
    "check of an xfs": Long(
        "share.check", ("share", "check"), "xfs_repair", "*-n*", filesystem=FileSystemKind.XFS
    ),
    "repair": Long(
        "share.check",
        ("share", "check", "--repair"),
        "e2fsck",
        "*-y*",
        damaged=True,
        no_return="its file system is being repaired",
    ),
    "check before growing": Long(
        "share.extend", (*_EXTEND, str(LARGE)), "e2fsck", "*-n*", no_return="its file system is growing"
    ),
    "growing offline": Long(
        "share.extend", (*_EXTEND, str(LARGE)), "resize2fs", no_return="its file system is growing"
    ),
    "growing online": Long(
        "share.extend",
        (*_EXTEND, f"{_GROWN.bytes}"),
        "xfs_growfs",
        filesystem=FileSystemKind.XFS,
        served=True,
        no_return="its file system is growing",
    ),
    "wipe": Long(
        "share.delete",
        ("share", "delete"),
        "losetup",
        "--detach {device}",
        no_return="its data is being removed",
    ),
}


@define
class Slow:
    """A server with a long operation, and its clients."""

    tenant: Tenant
    long: Long
    folder: Path
    bob: SmbClient

    @property
    def config(self) -> HostConfig:
        return self.tenant.site.config

    @property
    def server(self) -> str:
        return self.tenant.server

    @property
    def host(self) -> Host:
        return self.tenant.site.host

    @property
    def status(self) -> ShareStatus:
        return self.host.shares.show(self.server, "files").share.status

    def command(self, *words: str) -> tuple[int, Any]:
        """The command line's answer to a caller that does not wait."""
        argv = (*self._shell(0), *words)
        done = subprocess.run(argv, check=False, capture_output=True, timeout=_SECONDS)
        return done.returncode, json.loads(done.stdout)

    def _shell(self, lock_timeout: int) -> Sequence[str]:
        config = self.folder / f"config-{lock_timeout}.toml"
        config.write_text(
            f'state_dir = "{self.config.state_dir}"\nlock_timeout = {lock_timeout}\n'
            f'[network]\nbridge = "{self.config.network.bridge}"\nsubnet = "{self.config.network.subnet}"\n'
            f'[pool]\nsize = "{POOL.bytes}"\n'
        )
        return str(Path(sys.executable).parent / "shares-core"), "--config", str(config), "--json"

    @contextmanager
    def under_way(self) -> Iterator[tuple[Slowed, subprocess.Popen[str]]]:
        """A separate process runs the command, whose program waits; at the end of the block it has ended."""
        pattern = self.long.pattern.format(device=self.device).replace(" ", "\\ ")
        with slowed(self.folder / "slow", self.long.program, pattern) as slow:
            argv = (*_OFFLINE, "env", f"PATH={slow.path}", *self._shell(60), *self.long.argv(self.server))
            process = subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                slow.wait()
                yield slow, process
            finally:
                slow.let_go()
                process.communicate(timeout=_SECONDS)

    @property
    def recovered(self) -> bool:
        """Whether reconcile can recover it; a person has to decide about damage."""
        if not self.long.damaged:
            return self.host.fleet.reconcile().is_well
        try:
            return not self.host.shares.check(self.server, "files", repair=True).damage
        except SharesError:
            return False

    @property
    def device(self) -> str:
        """The block device of "files"."""
        storage = bootstrap.ports(self.config).storage
        found = storage.device(self.host.shares.show(self.server, "files").share.volume.ref)
        return found or "none"

    def operation(self) -> OperationView:
        (view,) = self.host.operations.list()
        return view


@pytest.fixture
def long(request: pytest.FixtureRequest) -> Long:
    return LONG[request.param]


@pytest.fixture
def slow(tenant: Tenant, long: Long, tmp_path: Path) -> Slow:
    """A server with the shares "files" and "other", and bob, who may use both."""
    host, server = tenant.site.host, tenant.server
    if long.filesystem is FileSystemKind.XFS:
        host.shares.delete(server, "files")
        host.shares.create(server, "files", FileSystemKind.XFS.smallest, FileSystemKind.XFS)
    host.shares.create(server, "other", SMALL)
    bob = tenant.user("bob")
    host.access.allow(server, "other", "bob")
    for share in ("files", "other"):
        assert bob.put(share, "kept.txt", b"kept").status == OK
    if long.damaged:
        lose_a_file(tenant)
    return Slow(tenant, long, tmp_path, bob)


def lose_a_file(tenant: Tenant) -> None:
    """Damage "files" so that a check finds something, but a repair loses nothing of bob's."""
    host, server = tenant.site.host, tenant.server
    image = image_of(tenant.site.config, host.servers.stop(server).server, "files")
    debugfs(image, "mkdir lost")
    debugfs(image, "clri lost")
    host.servers.start(server)


def every(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("long", names, indirect=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, Any]:
    said, complaint = process.communicate(timeout=_SECONDS)
    assert said, complaint
    return process.returncode, json.loads(said)


@every(*LONG)
def test_nobody_waits_for_a_long_operation(slow: Slow, hold: Callable[..., Held]) -> None:
    """Everything else on its server is done at once, even a deny on the same share."""
    tenant, server, long = slow.tenant, slow.server, slow.long
    ada = tenant.user("ada")
    slow.host.access.allow(server, "other", "ada")
    mine = None if long.damaged else hold(ada)
    others = hold(ada, "other")
    with slow.under_way() as (_, process):
        me = slow.tenant.site.hasty
        if mine is not None:
            assert (OK if long.served else SHARE_CLOSED) == mine.write
        assert me.access.deny(server, "files", "ada")
        assert mine is None or mine.write == SHARE_CLOSED
        assert others.write == OK
        assert me.access.deny(server, "other", "ada")
        assert others.write == SHARE_CLOSED
        assert (OK, DENIED) == (slow.bob.do("other", "ls").status, ada.do("other", "ls").status)
        assert slow.bob.do("files", "ls").status == (OK if long.served else NO_SHARE)
        me.access.allow(server, "other", "carl")
        me.shares.create(server, "new", SMALL)
        me.shares.extend(server, "new", LARGE)
        me.shares.delete(server, "new")
        assert RunState.RUNNING is me.servers.show(server).state
        assert () == me.fleet.reconcile(dry_run=True).servers
        if not long.served:  # a mounted share has to be unmounted first
            assert RunState.STOPPED is me.servers.stop(server).state
            assert RunState.RUNNING is me.servers.start(server).state
            assert slow.bob.get("other", "kept.txt") == b"kept"
    assert process.returncode == 0
    assert () == slow.host.operations.list()
    if long.removes:
        with pytest.raises(NotFound):
            slow.host.shares.show(server, "files")
    else:
        assert ShareStatus.READY is slow.status
        assert slow.bob.get("files", "kept.txt") == b"kept"
        assert ada.do("files", "ls").status == DENIED
    assert slow.host.fleet.reconcile(dry_run=True).is_empty


@every(*LONG)
def test_another_change_of_the_share_is_busy_at_once(slow: Slow) -> None:
    """The error names the operation, which can be listed; nothing changes."""
    server, long = slow.server, slow.long
    with slow.under_way():
        view, me = slow.operation(), slow.tenant.site.hasty
        assert (long.kind, server, "files", True, long.no_return) == (
            *(view.kind, view.server, view.share, view.running),
            view.no_return,
        )
        record = next((slow.config.state_dir / "records").glob("*.json")).read_bytes()
        changes: list[Callable[[], object]] = [
            lambda: me.shares.extend(server, "files", Capacity.parse("1GiB")),
            lambda: me.shares.delete(server, "files"),
            lambda: me.shares.check(server, "files"),
            lambda: me.shares.check(server, "files", repair=True),
            lambda: me.access.allow(server, "files", "bob", shares_core.AccessLevel.READ_ONLY),
            lambda: me.access.replace(server, "files", []),
            lambda: me.servers.delete(server, with_shares=True),
        ]
        for change in changes:
            with pytest.raises(Busy, match=f"{view.kind} {view.id} has been under way for"):
                change()
        status, document = slow.command("share", "check", server, "files")
        assert (4, "busy", True) == (
            status,
            document["error"]["code"],
            view.id in document["error"]["message"],
        )
        status, listed = slow.command("operation", "list")
        assert (0, [(view.id, long.kind, "files", True)]) == (
            status,
            [(each["id"], each["operation"], each["share"], each["running"]) for each in listed],
        )
        assert (0, listed[0]) == slow.command("operation", "show", view.id)
        shown = slow.command("share", "show", server, "files")[1]
        assert str(slow.status) == shown["status"] != "ready"
        assert record == next((slow.config.state_dir / "records").glob("*.json")).read_bytes()
    assert (0, []) == slow.command("operation", "list")
    assert 3 == slow.command("operation", "show", view.id)[0]


@every("check", "check of an xfs", "repair", "growing offline", "wipe")
def test_a_cancel_does_not_wait_and_takes_effect_between_steps(slow: Slow) -> None:
    """The tool ends, and the share is served again; or it is too late, and nothing changes."""
    view, long = None, slow.long
    with slow.under_way() as (waiting, process):
        view = slow.operation()
        status, answer = slow.command("operation", "cancel", view.id)
        if long.no_return:
            assert (4, "conflict", True) == (
                status,
                answer["error"]["code"],
                long.no_return in answer["error"]["message"],
            )
        else:
            assert (0, view.id, True, True) == (
                *(status, answer["id"]),
                *(answer["running"], answer["cancelled"]),
            )
            assert process.poll() is None
        waiting.let_go()
        status, answer = ended(process)
    if long.no_return:
        assert 0 == status
    else:
        assert (4, "cancelled") == (status, answer["error"]["code"])
        assert ShareStatus.READY is slow.status
        assert slow.bob.get("files", "kept.txt") == b"kept"
    assert () == slow.host.operations.list()
    assert slow.host.fleet.reconcile(dry_run=True).is_empty


@every("check", "check of an xfs", "repair", "check before growing", "growing offline", "wipe")
def test_the_next_caller_waits_for_a_killed_callers_command(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tool goes on; until it has ended, nobody starts another on that device, or mounts it."""
    monkeypatch.setattr(commands, "_AT_WORK_SECONDS", 0.2)
    server, long = slow.server, slow.long
    with slow.under_way() as (waiting, process):
        process.kill()
        process.wait(_SECONDS)
        status, listed = slow.command("operation", "list")
        assert (0, [(long.kind, False)]) == (
            status,
            [(each["operation"], each["running"]) for each in listed],
        )
        calls = waiting.calls
        monkeypatch.setenv("PATH", waiting.path)  # so that a second one would be noticed
        tries: list[Callable[[], object]] = [
            lambda: slow.host.shares.check(server, "files", repair=long.damaged),
            lambda: slow.host.shares.extend(server, "files", Capacity.parse("1GiB")),
        ]
        if long.removes:
            tries = [lambda: slow.host.shares.delete(server, "files")]
        elif long.damaged:
            del tries[1]  # it would report that the share is damaged, which is already known
        for attempt in tries:
            with pytest.raises(SharesError, match="is still at work on /dev/"):
                attempt()
        assert not slow.host.fleet.reconcile().is_well
        slow.host.servers.stop(server)
        # Starting the server reports a deletion that cannot be carried on, but still brings it up.
        with pytest.raises(SharesError, match="still at work") if long.removes else nullcontext():
            slow.host.servers.start(server)
        assert calls == waiting.calls
        assert slow.bob.get("other", "kept.txt") == b"kept"
        assert slow.bob.do("files", "ls").status == NO_SHARE
        assert slow.host.access.deny(server, "other", "bob")
        waiting.let_go()
        assert until(lambda: slow.recovered)
    assert () == slow.host.operations.list()
    assert slow.host.fleet.reconcile(dry_run=True).is_empty
    if long.removes:
        with pytest.raises(NotFound):
            slow.host.shares.show(server, "files")
    else:
        share = slow.host.shares.show(server, "files").share
        grown = long.program == "resize2fs"
        assert (ShareStatus.READY, LARGE if grown else share.capacity) == (share.status, share.capacity)
        assert slow.bob.get("files", "kept.txt") == b"kept"
