"""What a share server can do and see from inside, and whether secrets are visible anywhere."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
from attrs import evolve, frozen

import shares_core
from shares_core import Capacity, Secret
from shares_core.adapters.state.secrets import nt_hash
from shares_core.domain.server import FIRST_SERVER_UID, ShareServer
from tests.integration.conftest import Tenant, new_tenant
from tests.integration.support.inside import executed
from tests.testkit.site import Site

OK = "NT_STATUS_OK"
LOGON_FAILURE = "NT_STATUS_LOGON_FAILURE"
PASSWORD = "Correct-horse-battery-staple-4711"
SCRATCH = {"/run", "/tmp", "/var/lib/samba", "/var/cache/samba", "/var/log/samba"}


@frozen
class Container:
    """A server's container, seen through Docker and through /proc."""

    api: docker.APIClient
    server: ShareServer

    @property
    def name(self) -> str:
        return f"shares-{self.server.id}"

    def inspected(self) -> dict[str, Any]:
        return dict(self.api.inspect_container(self.name))

    def pids(self) -> list[int]:
        top = self.api.top(self.name)
        column = top["Titles"].index("PID")
        return [int(process[column]) for process in top["Processes"]]

    def run(self, *argv: str) -> tuple[int, str]:
        """Run a command inside, as the server's user: its exit status and output, errors last."""
        status, said, complaints = executed(self.api, self.name, *argv)
        return status, said + complaints

    def says(self, *argv: str) -> str:
        """The standard output of a command that has to succeed."""
        status, said, complaints = executed(self.api, self.name, *argv)
        assert status == 0, said + complaints
        return said

    def finds(self, *expression: str) -> list[str]:
        """The paths that ``find`` finds in the root file system, except where its user may not enter."""
        return executed(self.api, self.name, "find", "/", "-xdev", *expression)[1].splitlines()

    def mounts(self) -> dict[str, set[str]]:
        """Every mount inside with its options."""
        lines = Path(f"/proc/{self.pids()[0]}/mountinfo").read_text().splitlines()
        return {line.split(" ")[4]: set(line.split(" ")[5].split(",")) for line in lines}


@pytest.fixture(scope="module")
def tenant(site: Site) -> Iterator[Tenant]:
    """One tenant for all tests that only read, or change nothing that another test reads."""
    with new_tenant(site) as made:
        yield made


@pytest.fixture(scope="module")
def container(tenant: Tenant) -> Iterator[Container]:
    """That tenant's container."""
    with used(tenant) as container:
        yield container


@pytest.fixture
def own_tenant(site: Site) -> Iterator[Tenant]:
    """A tenant for this test, to stop or to break."""
    with new_tenant(site) as made:
        yield made


@pytest.fixture
def own(own_tenant: Tenant) -> Iterator[Container]:
    """The container of the test's own tenant."""
    with used(own_tenant) as container:
        yield container


@contextmanager
def used(tenant: Tenant) -> Iterator[Container]:
    """A user has connected once, so that there is more than the first process."""
    tenant.site.host.access.allow(tenant.server, "files", "ada", password=Secret(PASSWORD))
    assert tenant.smb("ada", PASSWORD).put("files", "x.txt", b"x").status == OK
    client = docker.from_env()
    try:
        yield Container(client.api, tenant.site.host.servers.show(tenant.server).server)
    finally:
        client.close()


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


# -- privilege


def test_every_process_is_unprivileged(tenant: Tenant, container: Container) -> None:
    """No process has a capability or may gain one; seccomp filters it; it runs as the server's own user."""
    with tenant.smb("ada", PASSWORD).connection():
        pids = container.pids()
        assert len(pids) >= 3
        for pid in pids:
            status = status_of(pid)
            for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert int(status[kind], 16) == 0, (pid, kind)
            assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
            assert set(status["Uid"].split()) == {str(container.server.uid)}
            assert set(status["Gid"].split()) == {str(container.server.uid)}
            assert status["Groups"] in ("", str(container.server.uid))
    assert container.server.uid >= FIRST_SERVER_UID
    assert container.says("id", "-u").strip() == str(container.server.uid)


def test_servers_run_as_different_users(
    site: Site, container: Container, remove_after: Callable[[str], str]
) -> None:
    """Two servers never share a user id, so neither owns anything of the other's on the host."""
    other = site.host.servers.create(remove_after("other-user")).server
    assert other.uid != container.server.uid
    mine = site.config.state_dir / "servers" / container.server.id / "private"
    theirs = site.config.state_dir / "servers" / other.id / "private"
    assert (mine.stat().st_uid, theirs.stat().st_uid) == (container.server.uid, other.uid)


def test_the_root_file_system_is_read_only(container: Container) -> None:
    """Only the sized scratch folders are writable, nothing of the image."""
    for path in ("/x", "/etc/x", "/usr/local/bin/x", "/config/x", "/config/smb.conf", "/shares/x"):
        code, said = container.run("touch", path)
        assert code != 0
        assert "Read-only file system" in said or "Permission denied" in said, said
    for path in ("/etc/x", "/config/x"):
        assert "Read-only file system" in container.run("touch", path)[1]
    for folder in SCRATCH:
        assert container.run("touch", f"{folder}/x") == (0, "")
    mounts = container.mounts()
    assert "ro" in mounts["/"]
    assert "ro" in mounts["/config"]
    for folder in SCRATCH:
        assert {"rw", "nosuid", "nodev", "noexec"} <= mounts[folder]
    code, said = container.run("dd", "if=/dev/zero", "of=/tmp/large", "bs=1M", "count=80")
    assert (code, "No space left on device" in said) == (1, True)
    assert container.run("rm", "/tmp/large") == (0, "")


def test_no_program_raises_rights(container: Container) -> None:
    """The image has no set-user-id program, and a copied program cannot run."""
    assert container.finds("-type", "f", "-perm", "/6000") == []
    assert container.finds("-name", "smbd", "-path", "*bin*") == ["/usr/sbin/smbd"]
    assert container.run("cp", "/bin/true", "/tmp/true") == (0, "")
    created = container.api.exec_create(container.name, ["sh", "-c", "/tmp/true"])
    assert b"Permission denied" in container.api.exec_start(created["Id"])
    assert container.run("true") == (0, "")


# -- view


def test_a_server_sees_only_its_own_folders(
    own_tenant: Tenant, own: Container, remove_after: Callable[[str], str]
) -> None:
    """Inside are only this server's shares and accounts, nothing of another tenant or the host."""
    host = own_tenant.site.host
    other = host.servers.create(remove_after("neighbour")).server
    host.shares.create("neighbour", "secrets", Capacity.parse("32MiB"))
    host.access.allow("neighbour", "secrets", "nora")
    host.shares.create(own_tenant.server, "second", Capacity.parse("32MiB"))
    server = host.servers.show(own_tenant.server).server
    ids = {share.id for share in server.shares}
    assert set(own.says("ls", "/shares").split()) == ids
    assert set(own.says("ls", "/private").split()) == {"smbpasswd"}
    assert "ada" in own.run("cat", "/config/users.map")[1]
    files = ("/private/smbpasswd", "/config/passwd", "/config/smb.conf", "/config/users.map")
    assert "nora" not in own.run("cat", *files)[1]
    neighbour = host.servers.show("neighbour").server
    assert not any(other.id in target or neighbour.shares[0].id in target for target in own.mounts())
    assert own.run("ls", f"/shares/{neighbour.shares[0].id}")[0] != 0

    ours = {target for target in own.mounts() if not target.startswith(("/proc", "/sys", "/dev"))}
    expected = {"/", "/config", "/private", "/shares"} | SCRATCH | {f"/shares/{each}" for each in ids}
    assert ours - expected == {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}
    assert own.finds("-name", "docker.sock") == []
    assert own.run("find", "/dev", "-type", "b") == (0, "")
    assert own.inspected()["HostConfig"]["Devices"] in (None, [])
    processes = {path for path in own.says("ls", "/proc").split() if path.isdigit()}
    assert len(processes) < 20  # its own; the host has more


def test_share_mounts_are_safe_on_both_sides(tenant: Tenant, container: Container) -> None:
    """What a tenant writes is never a device, a program, a set-user-id file or a link to the kernel."""
    safe = {"nodev", "nosuid", "noexec", "nosymfollow"}
    share = container.server.shares[0].id
    assert safe | {"rw"} <= container.mounts()[f"/shares/{share}"]
    path = tenant.site.config.state_dir / "servers" / container.server.id / "shares" / share
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    options = next(set(line.split(" ")[5].split(",")) for line in lines if line.split(" ")[4] == str(path))
    assert safe <= options
    data = path / "data"
    assert (data.stat().st_uid, stat.S_IMODE(data.stat().st_mode)) == (container.server.uid, 0o700)
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (0, 0o755)


# -- limits


def test_limits_are_set(tenant: Tenant, container: Container) -> None:
    """Memory, processes, open files, core files and log have limits, and nothing is open without need."""
    config = tenant.site.config
    settings = container.inspected()["HostConfig"]
    assert settings["PidsLimit"] == config.server.processes
    assert settings["Memory"] == settings["MemorySwap"] == config.server.memory.bytes
    assert settings["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}}
    assert (settings["Privileged"], settings["ReadonlyRootfs"], settings["NetworkMode"]) == (
        False,
        True,
        "none",
    )
    assert (settings["CapDrop"], settings["CapAdd"]) == (["ALL"], None)
    assert "no-new-privileges" in settings["SecurityOpt"]
    assert settings["RestartPolicy"]["Name"] == "no"
    assert settings["PidMode"] == ""
    assert settings["UTSMode"] == ""
    assert settings["IpcMode"] == "private"
    limits = Path(f"/proc/{container.pids()[0]}/limits").read_text()
    values = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}
    assert values["Max open files"] == ["16384", "16384"]
    assert values["Max core file size"] == ["0", "0"]


def test_a_server_cannot_start_more_processes_than_its_limit(own_tenant: Tenant, own: Container) -> None:
    """Endless processes meet the limit, and the server goes on when they are gone."""
    del own
    site = own_tenant.site
    small = shares_core.open_host(evolve(site.config, server=evolve(site.config.server, processes=64)))
    small.servers.stop(own_tenant.server)
    small.servers.start(own_tenant.server)
    client = docker.from_env()
    try:
        inside = Container(client.api, site.host.servers.show(own_tenant.server).server)
        # The shell itself fails to fork; what it started ends with it.
        script = "i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done; kill $(jobs -p)"
        code, said = inside.run("sh", "-c", script)
        assert code != 0
        assert "fork" in said.lower()
    finally:
        client.close()
    assert own_tenant.smb("ada", PASSWORD).get("files", "x.txt") == b"x"


# -- secrets


def test_the_state_folder_is_roots_alone(tenant: Tenant, container: Container) -> None:
    """Secrets are 0600 and root's, folders 0700; smbd's files are below a folder that only root can enter."""
    state = tenant.site.config.state_dir
    server = container.server
    for folder in ("", "records", "secrets", "locks", "servers", "pool", f"servers/{server.id}"):
        found = (state / folder).stat()
        assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o700, 0), folder
    for folder in ("records", "secrets", "pool", "locks"):
        for path in (state / folder).iterdir():
            found = path.stat()
            assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, 0), path
    passwords = (state / "servers" / server.id / "private" / "smbpasswd").stat()
    assert (stat.S_IMODE(passwords.st_mode), passwords.st_uid) == (0o600, server.uid)
    private = (state / "servers" / server.id / "private").stat()
    assert (stat.S_IMODE(private.st_mode), private.st_uid) == (0o700, server.uid)
    assert container.says("stat", "-c", "%a %u", "/private/smbpasswd").strip() == f"600 {server.uid}"


def _command_lines() -> str:
    texts = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            texts.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue  # it ended
    return "\n".join(texts)


@contextmanager
def _watched() -> Iterator[list[str]]:
    """Gather all command lines on the host during the block."""
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(_command_lines())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def test_no_secret_is_visible(own_tenant: Tenant, own: Container) -> None:
    """No password or hash is visible to Docker, in the record, in the log or on a command line."""
    site = own_tenant.site
    generated = site.host.access.allow(own_tenant.server, "files", "bob").password
    assert generated is not None
    password, given = generated.reveal(), "Another-Given-Password-99"
    with _watched() as seen:
        for secret in (given, PASSWORD):
            site.host.users.set_password(own_tenant.server, "ada", Secret(secret))
        site.host.access.allow(own_tenant.server, "files", "cleo", password=Secret(given))
    assert len(seen) > 1
    assert any("smbd" in text for text in seen)  # it looks at what runs
    record = (site.config.state_dir / "records" / f"{own.server.id}.json").read_text()
    assert '"ada"' in record
    config = site.config.state_dir / "servers" / own.server.id / "config"
    places = {
        "docker inspect": json.dumps(own.inspected()),
        "the record": record,
        "the log": own.api.logs(own.name).decode(),
        "command lines": "\n".join(seen),
        "the configuration": "".join(path.read_text() for path in config.rglob("*") if path.is_file()),
        "what is printed": repr(generated) + str(generated) + repr(site.host.users.list(own_tenant.server)),
        "environment": own.run("env")[1],
    }
    for text in (PASSWORD, password, given):
        for secret in (text, nt_hash(Secret(text)), nt_hash(Secret(text)).lower()):
            for place, content in places.items():
                assert secret not in content, place
    assert nt_hash(Secret(PASSWORD)) in own.run("cat", "/private/smbpasswd")[1]
    assert own_tenant.smb("bob", password).do("files", "ls").status == OK


def test_records_and_secrets_survive(own_tenant: Tenant, own: Container) -> None:
    """Another process, after a stop and a start, finds the same servers, shares, rules and passwords."""
    site = own_tenant.site
    before = site.host.servers.show(own_tenant.server).server
    site.host.servers.stop(own_tenant.server)
    (site.config.state_dir / "servers" / own.server.id / "private" / "smbpasswd").unlink()
    anew = shares_core.open_host(site.config)
    anew.servers.start(own_tenant.server)
    assert anew.servers.show(own_tenant.server).server == before
    assert own_tenant.smb("ada", PASSWORD).get("files", "x.txt") == b"x"
    assert own_tenant.smb("ada", "wrong").do("files", "ls").status == LOGON_FAILURE
    assert own_tenant.smb("ada", PASSWORD).get("files", "x.txt") == b"x"


def test_what_smbd_planted_is_replaced_and_not_followed(
    own_tenant: Tenant, own: Container, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A link that a compromised smbd left in its own folder never makes root write anywhere else."""
    victim = tmp_path_factory.mktemp("victim") / "victim"
    victim.write_text("untouched")
    private = own_tenant.site.config.state_dir / "servers" / own.server.id / "private"
    assert own.run("sh", "-c", f"rm /private/smbpasswd && ln -s {victim} /private/smbpasswd") == (0, "")
    assert (private / "smbpasswd").is_symlink()
    own_tenant.site.host.access.allow(own_tenant.server, "files", "bob", password=Secret(PASSWORD))
    assert not (private / "smbpasswd").is_symlink()
    assert (victim.read_text(), victim.stat().st_uid) == ("untouched", 0)
    assert own_tenant.smb("bob", PASSWORD).get("files", "x.txt") == b"x"
