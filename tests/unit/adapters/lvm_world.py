"""Scripts in place of LVM, files in place of the kernel's devices, and pools on them."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen
from tests.unit.adapters.lvm_words import GROUP, POOL, SIZE, UUID, volume

from shares_core.adapters.linux import commands
from shares_core.adapters.pools.lvm import devices
from shares_core.adapters.pools.lvm.pool import LogicalVolumes
from shares_core.adapters.pools.lvm.thick import VolumeGroupPool
from shares_core.adapters.pools.lvm.thin import ThinPool
from shares_core.adapters.state.installation import Installation
from shares_core.adapters.state.layout import Layout
from shares_core.domain.pools import ThinPoolName, VolumeGroupName, device_name


@frozen
class FakeLvm:
    """LVM's commands as scripts, and the kernel's devices as files: this machine's own are never used."""

    folder: Path

    @classmethod
    def installed(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLvm:
        """A LVM without commands yet, in place of the machine's own."""
        for name in ("bin", "dev", "sys"):
            (folder / name).mkdir()
        setpriv = shutil.which("setpriv")
        assert setpriv is not None
        (folder / "bin/setpriv").symlink_to(setpriv)
        monkeypatch.setenv("PATH", str(folder / "bin"))
        monkeypatch.setattr(commands, "_SYSTEM_PATHS", ())
        monkeypatch.setattr(devices, "_DEV", folder / "dev")
        monkeypatch.setattr(devices, "_SYS_BLOCK", folder / "sys")
        return cls(folder)

    def script(self, program: str, *lines: str) -> None:
        """Install a program that keeps its arguments, and then runs this."""
        path = self.folder / "bin" / program
        keep = f'printf "%s\\n" "{program} $*" >>{shlex.quote(str(self._log))}'
        path.write_text("\n".join(("#!/bin/sh", keep, *lines, "")))
        path.chmod(0o755)

    def answer(self, program: str, said: str = "", *, complaint: str = "", status: int = 0) -> None:
        """Install a program that prints this, complains like this, and ends with the status."""
        self.script(
            program,
            f"printf %s {shlex.quote(said)}",
            f"printf %s {shlex.quote(complaint)} >&2",
            f"exit {status}",
        )

    @property
    def asked(self) -> list[str]:
        """The commands that were run, in their order."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    @property
    def changed(self) -> list[str]:
        """Those of them that do more than read."""
        return [line for line in self.asked if line.split()[0] not in ("lvs", "vgs", "dmsetup")]

    def activate(
        self, name: str, *, uuid: str = UUID, size: int = SIZE, suspended: bool = False, is_thin: bool = False
    ) -> Path:
        """Give a volume its device, as the kernel and udev do. Returns its path."""
        path, node = self.folder / "dev" / GROUP / name, self.folder / "sys" / f"dm-{name}"
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(f"../dm-{name}")
        (node / "dm").mkdir(parents=True)
        (node / "dm/uuid").write_text(f"LVM-{uuid.replace('-', '')}{'v' * 32}\n")
        (node / "dm/name").write_text(f"{device_name(GROUP, name)}\n")
        (node / "dm/suspended").write_text(f"{suspended:d}\n")
        (node / "size").write_text(f"{size // 512}\n")
        below = node / "slaves/dm-below/dm"
        below.mkdir(parents=True)
        (below / "uuid").write_text(f"LVM-{'g' * 64}{'-tpool' if is_thin else ''}\n")
        return path

    @property
    def _log(self) -> Path:
        return self.folder / "asked"


Make = Callable[[FakeLvm], LogicalVolumes]


def installation(fake_lvm: FakeLvm) -> Installation:
    return Installation(Layout(fake_lvm.folder / "state"), 1)


def thick(fake_lvm: FakeLvm, *, wipe: bool = True) -> VolumeGroupPool:
    return VolumeGroupPool(VolumeGroupName(GROUP), installation(fake_lvm), wipe=wipe)


def thin(fake_lvm: FakeLvm, *, wipe: bool = True, overprovision: bool = False) -> ThinPool:
    layout = Layout(fake_lvm.folder / "state")
    group, pool = VolumeGroupName(GROUP), ThinPoolName(POOL)
    return ThinPool(group, pool, installation(fake_lvm), layout, wipe=wipe, overprovision=overprovision)


def known(fake_lvm: FakeLvm) -> str:
    """Make the pool known to the installation. Returns the tag of its volumes."""
    installation(fake_lvm).remember_pool(UUID)
    return f"shares-core:installation:{installation(fake_lvm).id()}"


def ours(fake_lvm: FakeLvm, *, tags: str = "", size: int = SIZE) -> dict[str, str]:
    """The row of a volume that bears the installation's tag."""
    return volume(size=size, tags=",".join(filter(None, (known(fake_lvm), tags))))
