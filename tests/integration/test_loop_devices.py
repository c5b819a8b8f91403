"""Real loop devices."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from shares_core.adapters.pools.files import devices
from shares_core.domain.views import Orphan, OrphanKind
from tests.integration.conftest import Tenant
from tests.settings import folder_of
from tests.testkit.footprint import image_of, loops_below
from tests.testkit.leftovers import ROOT, remove_installation


@pytest.fixture
def image() -> Iterator[Path]:
    """A file, detached after the test."""
    folder = ROOT / "run-loop-devices"
    folder.mkdir(mode=0o700)
    path = folder / "0123456789ab.img"
    path.touch()
    os.truncate(path, 1 << 20)
    try:
        yield path
    finally:
        remove_installation(folder)


def attached_to(image: Path) -> list[str]:
    listing = ["losetup", "--noheadings", "--output", "NAME", "--associated", str(image)]
    return subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()


def test_a_file_with_a_hidden_device_gets_no_second_one(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever hides the first, losetup itself looks again."""
    device = devices.attach(image)
    with monkeypatch.context() as hidden:
        hidden.setattr(devices, "device_of", lambda _: None)
        assert devices.attach(image) == device
    assert attached_to(image) == [device]
    devices.detach(image)
    assert attached_to(image) == []


def test_a_loop_device_left_write_protected_becomes_writable(image: Path) -> None:
    """The kernel keeps that setting for the next user of the device, and hands out the same device again."""
    free = subprocess.run(("losetup", "--find"), check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(("blockdev", "--setro", free), check=True)
    try:
        device = devices.attach(image)
        with open(device, "r+b", buffering=0) as file:
            assert file.write(b"written") == 7
        assert "0" == Path("/sys/block", Path(device).name, "ro").read_text().strip()
    finally:
        devices.detach(image)
        subprocess.run(("blockdev", "--setrw", free), check=True)


@pytest.mark.parametrize("with_server", [False, True], ids=["share", "server"])
def test_the_device_of_a_deleted_file_is_reported_and_goes_with_its_share(
    tenant: Tenant, with_server: bool
) -> None:
    """The kernel keeps the file and its blocks, without a name, until the device is detached."""
    site = tenant.site
    image = image_of(site.config, site.host.servers.show(tenant.server).server, tenant.share)
    image.unlink()
    lost = f"{image} (deleted)"
    assert lost in loops_below(folder_of(site.config))
    (view,) = (each for each in site.host.fleet.reconcile(dry_run=True).servers if each.name == tenant.server)
    assert [(tenant.share, "has lost its volume")] == [(drift.subject, drift.detail) for drift in view.found]
    site.host.fleet.reconcile()
    if with_server:
        site.host.servers.delete(tenant.server, with_shares=True)
        site.host.servers.create(tenant.server)  # for the fixture to delete
    else:
        site.host.shares.delete(tenant.server, tenant.share)
    assert lost not in loops_below(folder_of(site.config))


def test_the_device_of_a_deleted_file_of_no_share_is_an_orphan(tenant: Tenant) -> None:
    """If the file was in the pool's folder with a volume's name; other devices are not ours."""
    site, folder = tenant.site, folder_of(tenant.site.config)
    ours, others = folder / f"{uuid.uuid4().hex[:12]}.img", folder / "somebodys.img"
    for path in (ours, others):
        path.touch()
        os.truncate(path, 1 << 20)
    kept = devices.attach(others)
    devices.attach(ours)
    ours.unlink()
    others.unlink()
    try:
        orphans = site.host.fleet.reconcile(dry_run=True).orphans
        assert [Orphan(OrphanKind.VOLUME, f"default/{ours.stem}")] == list(orphans)
        (removed,) = site.host.fleet.reconcile(remove_orphans=orphans).orphans
        assert (True, "") == (removed.removed, removed.problem)
        lost = [path for path in loops_below(folder) if path.endswith("(deleted)")]
        assert [f"{others} (deleted)"] == lost
    finally:
        subprocess.run(("losetup", "--detach", kept), check=True)
