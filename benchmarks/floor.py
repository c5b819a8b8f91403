"""The floor: the bare steps of each operation, written out without shares_core.

This file imports nothing of shares_core. It does only what is necessary: Docker's calls, the file system's
tools, one fsynced rename, one renamed smb.conf and one signal, without a lock, a record, a check or an undo.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import docker
from attrs import define, field

UID = 2_900_000
_SMB_CONF = """[global]
server role = standalone server
passdb backend = smbpasswd:/private/smbpasswd
server min protocol = SMB3_00
server smb encrypt = required
load printers = no
disable spoolss = yes
disable netbios = yes
"""
_SECTION = """[{name}]
path = /shares/{name}/data
read only = no
valid users = "bench"
force user = shares
"""
#: Waits until every smbd has reloaded, closes a share, and waits until nobody has it: the bare commands.
_CLOSE = r"""
smbds=$(grep -l ^smbd /proc/[0-9]*/comm | wc -l)
exec {{answers}}< <(exec stdbuf -oL smbcontrol --configfile=/config/smb.conf all ping)
pinger=$!
timeout 10 head -n "$smbds" <&$answers
kill $pinger
smbcontrol --configfile=/config/smb.conf smbd close-share {name}
while net --configfile=/config/smb.conf status shares parseable | grep '^{name}\\'; do :; done
"""
#: How to make each file system on a file of zeros.
_MKFS = {
    "ext4": ("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard,assume_storage_prezeroed=1"),
    "xfs": ("mkfs.xfs", "-q", "-K"),
}
_MOUNT_OPTIONS = "noatime,nodev,nosuid,noexec"
#: The NT hash of the password "bench" (MS-NLMP, NTOWFv1).
NT_HASH = "79D53F1F564AA978E5A5FFEAE2CC12C3"


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, stdin=subprocess.DEVNULL)


@define
class Floor:
    """A bare smbd container, with its files below ``folder``, and a client's wire to it."""

    folder: Path
    image: str
    name: str
    served: list[str] = field(factory=list)
    api: docker.APIClient = field(factory=lambda: docker.APIClient(version="auto"))

    # -- servers

    def prepare(self) -> None:
        """Prepare what a server needs before it starts; not timed."""
        for part in ("config", "config/agent", "private", "shares", "images"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        os.mkfifo(self.agent / "requests")
        (self.agent / "requests").chmod(0o666)
        (self.folder / "config/passwd").write_text(
            f"shares:x:{UID}:{UID}::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\nbench:x:10000:{UID}::/:/bin/false\n"
        )
        (self.folder / "config/group").write_text(f"shares:x:{UID}:\nnogroup:x:65534:\n")
        hashes = self.folder / "private/smbpasswd"
        hashes.write_text(f"bench:10000:{'X' * 32}:{NT_HASH}:[U          ]:LCT-65000000:\n")
        hashes.chmod(0o600)
        os.chown(hashes, UID, UID)
        os.chown(self.folder / "private", UID, UID)
        self.write_config()
        run("mount", "--bind", str(self.folder), str(self.folder))
        run("mount", "--make-private", str(self.folder))
        run("mount", "--make-shared", str(self.folder))

    def create_server(self) -> None:
        """Create, start, and wait for TCP port 445."""
        owned = f"uid={UID},gid={UID},mode=0700"
        mounts = [
            docker.types.Mount("/config", str(self.folder / "config"), type="bind", read_only=True),
            docker.types.Mount("/private", str(self.folder / "private"), type="bind"),
            docker.types.Mount("/shares", str(self.folder / "shares"), type="bind", propagation="rslave"),
        ]
        settings = self.api.create_host_config(
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            read_only=True,
            network_mode="none",
            sysctls={"net.ipv4.ip_unprivileged_port_start": "0"},
            mounts=mounts,
            tmpfs=dict.fromkeys(
                ("/run", "/tmp", "/var/lib/samba", "/var/cache/samba", "/var/log/samba"), owned
            ),
        )
        self.api.create_container(self.image, name=self.name, user=f"{UID}:{UID}", host_config=settings)
        self.api.start(self.name)
        table = Path(f"/proc/{self.pid()}/net/tcp")
        while not any(":01BD 00000000:0000 0A" in line for line in table.read_text().splitlines()):
            time.sleep(0.001)

    def pid(self) -> int:
        return int(self.api.inspect_container(self.name)["State"]["Pid"])

    def stop_server(self, share: str) -> None:
        """Remove the container, unmount, detach."""
        self.delete_server()
        run("losetup", "--detach", self.unmount(share))

    def start_server(self, share: str, kind: str) -> None:
        """Attach, mount, and create the container again."""
        self.mount(share, self.attach(share), kind)
        self.create_server()

    def delete_server(self) -> None:
        self.api.remove_container(self.name, force=True)

    # -- shares

    def create_share(self, name: str, size: int, kind: str = "ext4") -> None:
        """fallocate, mkfs, losetup, mount, one fsynced rename."""
        image = self.folder / "images" / name
        run("fallocate", "-l", str(size), str(image))
        run(*_MKFS[kind], str(image))
        target = self.folder / "shares" / name
        target.mkdir()
        self.mount(name, self.attach(name), kind)
        (target / "data").mkdir()
        os.chown(target / "data", UID, UID)
        self.record()

    def record(self) -> None:
        """One fsynced rename."""
        temporary = self.folder / "record.new"
        with temporary.open("wb") as file:
            file.write(b"{}" * 500)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.folder / "record")

    def allow(self, name: str) -> None:
        """One renamed smb.conf and one signal."""
        self.served.append(name)
        self.configure()

    def configure(self) -> None:
        self.write_config()
        self.api.kill(self.name, signal="SIGHUP")

    def write_config(self) -> None:
        temporary = self.folder / "config/smb.conf.new"
        temporary.write_text(_SMB_CONF + "".join(_SECTION.format(name=name) for name in self.served))
        temporary.rename(self.folder / "config/smb.conf")

    @property
    def agent(self) -> Path:
        return self.folder / "config/agent"

    def close(self, name: str) -> None:
        """Close a share on open connections, in one request to the image's agent (images/samba/agent)."""
        request = uuid.uuid4().hex
        answer = self.agent / f"{request}.answer"
        os.mkfifo(answer)
        answer.chmod(0o622)
        (self.agent / request).write_text(_CLOSE.format(name=name))
        with (self.agent / "requests").open("w") as requests:
            requests.write(f"{request}\n")
        said = answer.read_text()
        if not said.endswith("ended 0\n"):
            raise RuntimeError(said)
        answer.unlink()
        (self.agent / request).unlink()

    def deny(self, name: str) -> None:
        self.served.remove(name)
        self.configure()
        self.close(name)

    def extend_online(self, name: str, size: int) -> None:
        """Enlarge the file, its device and the mounted xfs, one fsynced rename."""
        self.grow(name, size, self.device(name))
        run("xfs_growfs", str(self.folder / "shares" / name))
        self.record()

    def grow(self, name: str, size: int, device: str) -> None:
        run("fallocate", "-l", str(size), str(self.folder / "images" / name))
        run("losetup", "--set-capacity", device)

    def extend_offline(self, name: str, size: int) -> None:
        """Withdraw, unmount, grow, check, resize, mount, serve."""
        self.deny(name)
        device = self.unmount(name)
        self.grow(name, size, device)
        run("e2fsck", "-f", "-p", device)
        run("resize2fs", device)
        self.mount(name, device)
        self.allow(name)

    def attach(self, name: str) -> str:
        argv = ["losetup", "--find", "--show", "--direct-io=on", str(self.folder / "images" / name)]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def mount(self, name: str, device: str, kind: str = "ext4", options: str = "rw") -> None:
        options = f"{_MOUNT_OPTIONS},{options}"
        run("mount", "-t", kind, "-o", options, device, str(self.folder / "shares" / name))

    def device(self, name: str) -> str:
        target = self.folder / "shares" / name
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return next(line.split(" - ")[1].split(" ")[1] for line in lines if f" {target} " in line)

    def unmount(self, name: str) -> str:
        target = self.folder / "shares" / name
        device = self.device(name)
        wait_for(lambda: subprocess.run(["umount", str(target)], check=False).returncode == 0)
        return device

    def delete_share(self, name: str) -> None:
        """Withdraw, unmount, detach, unlink."""
        if name in self.served:
            self.deny(name)
        device = self.unmount(name)
        run("losetup", "--detach", device)
        (self.folder / "shares" / name).rmdir()
        (self.folder / "images" / name).unlink()

    def remove_all(self) -> None:
        """Remove whatever a run left; not timed."""
        with suppress(docker.errors.NotFound):
            self.api.remove_container(self.name, force=True)
        self.served = []
        for image in (self.folder / "images").iterdir():
            run("losetup", "--detach", self.unmount(image.name))
        run("umount", str(self.folder))
        shutil.rmtree(self.folder)


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not happen")
        time.sleep(0.001)
