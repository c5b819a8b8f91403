"""Remedies as a person at a shell reads them."""

from __future__ import annotations

from typing import Any

import click
import pytest
from tests.unit.cli.terminal import Terminal

from shares_core import HostConfig, LvmPool, VolumeGroupName, bootstrap
from shares_core.domain.remedy import Call, HostTool, Packages, Parameter, Remedy, UseCase
from shares_core.entrypoints.cli import remedies, root
from shares_core.entrypoints.cli.remedies import COMMANDS, worded
from shares_core.testing import MemoryHost, memory_ports


def in_library(use_case: UseCase) -> Any:
    """What Python finds where the use case says that it is."""
    config = HostConfig(pools=(LvmPool(volume_group=VolumeGroupName("vg")),))
    host = bootstrap.host(memory_ports(MemoryHost()), config.network)
    place, *names = use_case.split(".")
    found: Any = {"Host": host, "bootstrap": bootstrap}[place]
    for name in names:
        found = getattr(found, name.removesuffix("()"))
        found = found(config) if name.endswith("()") else found
    return found


@pytest.mark.parametrize("use_case", UseCase)
def test_what_remedies_call_is_there_in_python_and_at_a_shell(use_case: UseCase) -> None:
    assert callable(in_library(use_case))
    command: click.Command = root
    for word in COMMANDS[use_case]:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    assert not isinstance(command, click.Group)


@pytest.mark.parametrize(
    ("remedy", "told"),
    [
        (Remedy(), ""),
        (Remedy.of("choose another name"), "choose another name"),
        (Remedy.of(HostTool("vgimport", ("vg",))), "vgimport vg"),
        (
            Remedy.of("add a device: ", HostTool("vgextend", ("vg", "DEVICE"))),
            "add a device: 'vgextend vg DEVICE'",
        ),
        (Remedy.of(HostTool("umount", ("/mnt/a b",))), "umount '/mnt/a b'"),
        (
            Remedy.of(HostTool("dockerd", log="/var/log/dockerd.log")),
            "dockerd >/var/log/dockerd.log 2>&1 &",
        ),
        (
            Remedy.of(Call(UseCase.SERVERS_STOP, ("tenant",)), ", then start it"),
            "'shares-core server stop tenant', then start it",
        ),
        (Remedy.of(Call(UseCase.EXAMINE, as_root=True)), "sudo shares-core doctor"),
        (Remedy.of("give ", Parameter("addresses"), " IP/PREFIX"), "give --address IP/PREFIX"),
        (Remedy.of("say ", Parameter("with_shares")), "say --with-shares"),
    ],
)
def test_a_command_can_be_pasted(remedy: Remedy, told: str) -> None:
    """One in a sentence stands in quotes; options are called as the command line calls them."""
    assert told == worded(remedy)


@pytest.mark.parametrize(
    ("apt", "alone", "within"),
    [
        (True, "apt-get install a b", "start it, or 'apt-get install a b'"),
        (
            False,
            "install from your distribution what Debian calls: a b",
            "start it, or install from your distribution what Debian calls: a b",
        ),
    ],
)
def test_only_where_apt_is_there_it_installs_packages(
    monkeypatch: pytest.MonkeyPatch, apt: bool, alone: str, within: str
) -> None:
    """A distribution without apt is not told to run it."""
    monkeypatch.setattr(remedies, "has_apt", lambda: apt)
    packages = Packages(("a", "b"))
    assert [alone, within] == [worded(Remedy.of(packages)), worded(Remedy.of("start it, or ", packages))]


def test_a_damaged_share_tells_what_repairs_it(served: Terminal) -> None:
    """Each time that it is shown, and only then."""
    assert "--repair" not in served.ok("share", "show", "tenant", "files").out
    served.world.ruin()
    assert 7 == served("share", "check", "tenant", "files").status
    told = served.ok("share", "show", "tenant", "files").out
    assert "its file system is damaged: " in told
    assert told.splitlines()[-1].endswith("share check tenant files --repair")
