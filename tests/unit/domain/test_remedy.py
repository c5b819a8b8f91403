"""Remedies in the library's own words."""

from __future__ import annotations

import pytest

from shares_core.domain.errors import Busy, NotFound
from shares_core.domain.remedy import Call, HostTool, Packages, Parameter, Remedy, UseCase


@pytest.mark.parametrize(
    ("remedy", "told"),
    [
        (Remedy(), ""),
        (Remedy.of("choose another name"), "choose another name"),
        (Remedy.of("{braces} and 'quotes' stay"), "{braces} and 'quotes' stay"),
        (Remedy.of(Call(UseCase.SERVERS_LIST), " lists them"), "Host.servers.list() lists them"),
        (
            Remedy.of(Call(UseCase.SHARES_CHECK, ("tenant-a", "files")), " looks"),
            "Host.shares.check('tenant-a', 'files') looks",
        ),
        (Remedy.of(Call(UseCase.EXAMINE, as_root=True)), "bootstrap.examine() as root"),
        (Remedy.of("say ", Parameter("with_shares"), " to delete them"), "say with_shares to delete them"),
        (Remedy.of(HostTool("vgextend", ("vg", "DEVICE"))), "vgextend with vg DEVICE"),
        (Remedy.of(HostTool("lsblk"), " lists the devices"), "lsblk lists the devices"),
        (Remedy.of(HostTool("dockerd", log="/var/log/dockerd.log")), "dockerd"),
        (Remedy.of(Packages(("mount", "util-linux"))), "install Debian's mount and util-linux"),
    ],
)
def test_the_library_tells_what_to_do_without_a_shell(remedy: Remedy, told: str) -> None:
    """Python's names for what is the library's own, plain words for the host's tools."""
    assert told == str(remedy)
    assert bool(told) is bool(remedy)


def test_remedies_are_joined_into_one() -> None:
    """A remedy may stand in another; what is empty leaves nothing behind."""
    listed = Remedy.of(HostTool("lsblk"), " lists them")
    assert Remedy((HostTool("lsblk"), " lists them", ": name one")) == Remedy.of(listed, "", ": name one")
    assert Remedy() == Remedy.of("") == Remedy.of(Remedy())


def test_an_error_has_its_remedy_as_a_value_and_as_a_hint() -> None:
    """Plain advice is a remedy without an action; no advice is an empty one."""
    remedy = Remedy.of(Call(UseCase.SERVERS_LIST), " lists those that are there")
    error = NotFound("server", "x", hint=remedy)
    assert (remedy, "Host.servers.list() lists those that are there") == (error.remedy, error.hint)
    assert (Remedy(("wait",)), "wait") == ((plain := Busy("busy", hint="wait")).remedy, plain.hint)
    assert (Remedy(), "") == ((bare := Busy("busy")).remedy, bare.hint)
