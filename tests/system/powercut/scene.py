"""What both halves share: the machine's installation, its callers, and what they wrote down."""

from __future__ import annotations

import os
from pathlib import Path

from shares_core import Host, HostConfig, open_host
from shares_core.config import MACHINE_SETTINGS
from tests.reliability.calling import STABLE, Job

#: On the root disk, which survives the cut.
FOLDER = Path("/var/tmp/shares-core-powercut")
UNIT = "shares-core.service"
INSTALLED_UNIT = Path("/etc/systemd/system") / UNIT
SERVERS = ("storm-0", "storm-1", "storm-2")
#: The servers that clients write to; the other is stopped and started all the time.
WRITTEN = SERVERS[:2]
SHARE, USER = STABLE[0], "writer"
#: The share of which snapshots are taken, the pool that it is in, and what became of each, a line each.
KEPT, POOL, SNAPSHOTS = "kept", "image", FOLDER / "snapshots"
_SETTINGS = """\
state_dir = "{folder}/state"
[network]
bridge = "sctstorm"
subnet = "10.216.0.0/24"
[[pool]]
kind = "lvm"
volume_group = "{group}"
[[pool]]
name = "{pool}"
dir = "{folder}/{pool}"
size = "1GiB"
xfs_image = true
"""


def install_settings() -> None:
    """Install them as the machine's own settings: the service reads no others."""
    settings = _SETTINGS.format(folder=FOLDER, pool=POOL, group=os.environ["SHARES_CORE_TEST_VG"])
    MACHINE_SETTINGS.write_text(settings)


def config() -> HostConfig:
    return HostConfig.load()


def host() -> Host:
    return open_host(config())


def jobs(seed: int) -> list[Job]:
    """Two processes of two threads, until the power is cut."""
    return [Job(config(), seed, number, 2, 0, SERVERS, SERVERS[2:], FOLDER) for number in range(2)]


def acknowledged_of(server: str) -> Path:
    """The file with a line for each file that the server acknowledged to be on the disk."""
    return FOLDER / f"acknowledged-{server}"


def secret_of(server: str) -> Path:
    return FOLDER / f"acknowledged-{server}.secret"
