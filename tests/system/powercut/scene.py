"""What both halves know: the machine's one installation, who works on it, and what they wrote down."""

from __future__ import annotations

import os
from pathlib import Path

from shares_core import Host, HostConfig, open_host
from shares_core.config import MACHINE_SETTINGS
from tests.reliability.calling import STABLE, Job

#: On the root disk, which outlives the cut.
FOLDER = Path("/var/tmp/shares-core-powercut")
UNIT = "shares-core.service"
INSTALLED_UNIT = Path("/etc/systemd/system") / UNIT
SERVERS = ("storm-0", "storm-1", "storm-2")
#: The ones that clients write to; the other is stopped and started all the while.
WRITTEN = SERVERS[:2]
SHARE, USER = STABLE[0], "writer"
_SETTINGS = """\
state_dir = "{folder}/state"
[network]
bridge = "sctstorm"
subnet = "10.216.0.0/24"
[pool]
kind = "lvm"
volume_group = "{group}"
"""


def install_settings() -> None:
    """As the machine's own: the service reads no others."""
    settings = _SETTINGS.format(folder=FOLDER, group=os.environ["SHARES_CORE_TEST_VG"])
    MACHINE_SETTINGS.write_text(settings)


def config() -> HostConfig:
    return HostConfig.load()


def host() -> Host:
    return open_host(config())


def jobs(seed: int) -> list[Job]:
    """Two processes of two threads, until the power is cut."""
    return [Job(config(), seed, number, 2, 0, SERVERS, SERVERS[2:], FOLDER) for number in range(2)]


def acknowledged_of(server: str) -> Path:
    """One line for each file whose content its server said is on the disk, written as it said so."""
    return FOLDER / f"acknowledged-{server}"


def secret_of(server: str) -> Path:
    return FOLDER / f"acknowledged-{server}.secret"
