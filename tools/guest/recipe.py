"""What the guest's system and its emulator are made of: every change here makes other ones."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from attrs import asdict, frozen

#: Its QEMU runs programs in half the time that the one before it needs, and on every host it is the same.
SUITE = "trixie"
EMULATOR = "qemu-system-x86 qemu-utils seabios".split()
PACKAGES = (
    # the system
    "systemd systemd-sysv udev dbus kmod linux-image-amd64 initramfs-tools zstd procps ca-certificates "
    # what the library drives
    "docker.io docker-cli apparmor lvm2 thin-provisioning-tools e2fsprogs xfsprogs mount util-linux "
    "iproute2 nftables iptables mmdebstrap "
    # what the tests drive
    "cifs-utils samba-common-bin smbclient openssl python3 python3-venv python3-pip git"
).split()

#: Where the emulator has the guest's system.
GUEST = "/guest"
#: Where the guest has the folder that it shares with this machine, and the project's environment.
HOST = "/host"
VENV = "/opt/venv"
#: What QEMU calls the shared folder, and the port on which the guest speaks.
SHARED_TAG, PORT = "host", "out"

# A failure of the runner itself powers the guest off, so that nobody waits for it. What its tests left
# running goes on until the system goes down, as on a machine that is rebooted while it is in use.
_UNIT = f"""\
[Unit]
Description=What the shared folder says is to be done
RequiresMountsFor={HOST}
Requires=dev-virtio\\x2dports-{PORT}.device
After=dev-virtio\\x2dports-{PORT}.device docker.service
FailureAction=poweroff-force

[Service]
Type=exec
KillMode=process
StandardOutput=file:/dev/virtio-ports/{PORT}
StandardError=inherit
ExecStart={VENV}/bin/python {HOST}/inside.py
"""

FILES = {
    "etc/fstab": (
        "/dev/vda / ext4 defaults 0 0\n"
        f"{SHARED_TAG} {HOST} 9p trans=virtio,version=9p2000.L,msize=524288 0 0\n"
    ),
    "etc/hostname": "shares-guest\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 shares-guest\n::1 localhost\n",
    "etc/resolv.conf": "",  # mmdebstrap copies this machine's, and there is no network to ask
    # A system without an id takes its boot for the first one and sets up every service anew.
    "etc/machine-id": "5ba3e5c0a11e4d0f8a9e6d1c2b3f4a5e\n",
    # Nor does it find, by their times, that its files are newer than what was made of them.
    "etc/.updated": "",
    "var/.updated": "",
    # Emulated, a RAM disk with all drivers takes longer to unpack than the system to start.
    "etc/initramfs-tools/conf.d/guest": "MODULES=list\n",
    "etc/initramfs-tools/modules": "virtio_pci\nvirtio_blk\next4\n",
    # Only what udev marks so can a unit wait for.
    "etc/udev/rules.d/60-guest.rules": 'SUBSYSTEM=="virtio-ports", TAG+="systemd"\n',
    "etc/systemd/system/guest.service": _UNIT,
}

LINKS = {
    "etc/systemd/system/multi-user.target.wants/guest.service": "../guest.service",
    # What wakes up by itself would disturb tests that measure, and nobody logs in.
    **{
        f"etc/systemd/system/{unit}": "/dev/null"
        for unit in (
            *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer"),
            *(
                "e2scrub_all.timer",
                "e2scrub_reap.service",
                "getty@tty1.service",
                "serial-getty@ttyS0.service",
            ),
        )
    },
}

DISK_BYTES = 20 << 30

# Of which systems a wheel may be to run on SUITE.
_WHEELS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")


@frozen
class Recipe:
    """All that decides what they will be, but for the versions that Debian has today."""

    requirements: tuple[str, ...]
    steps: str
    suite: str = SUITE
    emulator: tuple[str, ...] = tuple(EMULATOR)
    packages: tuple[str, ...] = tuple(PACKAGES)
    files: Mapping[str, str] = FILES
    links: Mapping[str, str] = LINKS
    disk_bytes: int = DISK_BYTES

    @property
    def version(self) -> str:
        """16 hexadecimal digits over everything in it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def requirements_of(pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    """What pip has to bring to run the project's tests, and to install the project itself offline."""
    project = pyproject["project"]
    return (
        *project["dependencies"],
        *project["optional-dependencies"]["dev"],
        *pyproject["build-system"]["requires"],
        "editables",  # hatchling asks for it only when it is to make an editable install
    )


def download_arguments(requirements: tuple[str, ...], python: str, target: str) -> tuple[str, ...]:
    """Arguments of pip that fetch wheels for another Python, as ``3.11``, than the one that runs it."""
    digits = python.replace(".", "")
    return (
        *("download", "--quiet", "--disable-pip-version-check", "--dest", target),
        *("--only-binary", ":all:", "--python-version", python, "--implementation", "cp"),
        *(word for abi in (f"cp{digits}", "abi3", "none") for word in ("--abi", abi)),
        *(word for platform in _WHEELS for word in ("--platform", platform)),
        *requirements,
    )
