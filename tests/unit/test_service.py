"""The systemd unit that keeps the servers up, and the command that installs it."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "packaging" / "shares-core.service"


@pytest.fixture
def unit() -> ConfigParser:
    parsed = ConfigParser(interpolation=None, strict=True)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(UNIT.read_text())
    return parsed


def test_it_comes_after_what_the_servers_need(unit: ConfigParser) -> None:
    """Docker, the volumes and the firewall; it starts Docker, and can do without the rest."""
    after = unit["Unit"]["After"].split()
    assert {"docker.service", "lvm2-monitor.service", "local-fs.target", "nftables.service"} <= {*after}
    assert "docker.service" == unit["Unit"]["Wants"]
    assert "multi-user.target" == unit["Install"]["WantedBy"]


def test_it_is_started_again_however_often_it_ends(unit: ConfigParser) -> None:
    """Being stopped is not a failure: the command exits as if a signal had ended it."""
    assert ("always", "0") == (unit["Service"]["Restart"], unit["Unit"]["StartLimitIntervalSec"])
    assert {"143", "130"} == {*unit["Service"]["SuccessExitStatus"].split()}
    assert "process" == unit["Service"]["KillMode"]


def test_the_command_that_installs_it_changes_the_programs_path_alone() -> None:
    """Only that line, as the unit's comment and the manual have it."""
    pattern, starts = r"s\|(\^ExecStart=\.\*)\|ExecStart=\$\(command -v shares-core\) watch\|", []
    for page in (UNIT, ROOT / "docs" / "operating.md"):
        (found,) = re.findall(pattern, page.read_text())
        starts += re.findall(f"(?m){found}", UNIT.read_text())
    assert ["ExecStart=/usr/local/bin/shares-core watch"] * 2 == starts
