"""A new image for running servers, and damaged file systems."""

from __future__ import annotations

import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

import shares_core
from shares_core import BackendFailure, Capacity, FileSystemKind, Host
from shares_core.adapters.containers import runtime
from shares_core.adapters.containers.image import LABEL_RECIPE, recipe_version
from shares_core.adapters.samba.profile import SMB
from shares_core.domain.share import ShareStatus
from shares_core.domain.views import ReconcileOutcome, UpgradeOutcome
from tests.integration.conftest import Tenant
from tests.integration.support.damage import meet_damage, ruin_root, ruin_tables
from tests.integration.support.images import changed_image
from tests.reliability.scene import mount_point
from tests.settings import with_image
from tests.testkit.clients import SmbClient
from tests.testkit.footprint import image_of as file_of
from tests.testkit.site import Site

OK = "NT_STATUS_OK"


@pytest.fixture
def ada(tenant: Tenant) -> SmbClient:
    user = tenant.user("ada")
    assert user.put("files", "kept", b"kept").status == OK
    return user


def image_of(tenant: Tenant) -> str:
    with closing(docker.from_env()) as client:
        found: str = client.api.inspect_container(f"shares-{tenant.server_id}")["Image"]
        return found


@pytest.fixture
def other_image(site: Site) -> Iterator[str]:
    """The same image with another id, as from a build with today's updates."""
    with changed_image(site, 'LABEL test="another"') as name:
        yield name


@pytest.fixture
def silent_image(site: Site) -> Iterator[str]:
    """An image of this version that runs but does not listen."""
    with changed_image(site, 'ENTRYPOINT ["sleep", "600"]') as name:
        yield name


@pytest.fixture
def broken_image() -> Iterator[str]:
    """An image of this version whose smbd ends at once."""
    name = f"shares-core-test-{uuid.uuid4().hex[:8]}"
    with closing(docker.from_env()) as client:
        changes = [f"LABEL {LABEL_RECIPE}={recipe_version(SMB.image)}", 'CMD ["/nothing"]']
        client.api.import_image_from_data(bytes(10240), repository=name, changes=changes)
        yield name
        client.images.remove(name, force=True)


def ruined(image: Path, kind: FileSystemKind) -> list[str]:
    """The damage according to the file system's own tool in read-only mode, in no particular order."""
    tool = ("xfs_repair", "-n") if kind is FileSystemKind.XFS else ("e2fsck", "-f", "-n")
    done = subprocess.run((*tool, image), check=False, capture_output=True, text=True)
    assert done.returncode != 0
    return sorted(re.sub(r"0x[0-9a-f]+", "an address", done.stdout + done.stderr).splitlines())


def opened_with(site: Site, image: str) -> Host:
    return shares_core.open_host(with_image(site.config, image))


def test_an_upgrade_gives_the_current_image_and_the_same_data(
    tenant: Tenant, ada: SmbClient, other_image: str
) -> None:
    """At the same address, within seconds; a second one has nothing to do."""
    host, before = opened_with(tenant.site, other_image), image_of(tenant)
    view = host.servers.upgrade(tenant.server)
    assert (UpgradeOutcome.UPGRADED, True) == (view.outcome, 0 < view.downtime < 30)
    assert before != image_of(tenant)
    assert b"kept" == ada.get("files", "kept")
    assert UpgradeOutcome.CURRENT is host.servers.upgrade(tenant.server).outcome
    assert host.fleet.reconcile().is_empty


def test_a_reconcile_upgrades_too(tenant: Tenant, ada: SmbClient, other_image: str) -> None:
    """It says that the image differed."""
    host, before = opened_with(tenant.site, other_image), image_of(tenant)
    (view,) = host.fleet.reconcile().servers
    assert ["the container does not have the current image or limits"] == list(map(str, view.found))
    assert before != image_of(tenant)
    assert b"kept" == ada.get("files", "kept")


def test_a_server_goes_back_to_its_image_if_the_new_container_fails(
    tenant: Tenant, ada: SmbClient, broken_image: str
) -> None:
    """The failure is reported."""
    host, before = opened_with(tenant.site, broken_image), image_of(tenant)
    with pytest.raises(BackendFailure) as raised:
        host.servers.upgrade(tenant.server)
    assert [True] == ["is back on its former image" in note for note in raised.value.__notes__]
    assert before == image_of(tenant)
    assert b"kept" == ada.get("files", "kept")


def test_a_server_goes_back_to_its_image_if_the_new_container_does_not_listen(
    tenant: Tenant, ada: SmbClient, silent_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs, but is given up after some time."""
    monkeypatch.setattr(runtime, "_READY_SECONDS", 10)  # the former image has to be ready in it, too
    host, before = opened_with(tenant.site, silent_image), image_of(tenant)
    with pytest.raises(BackendFailure, match="does not listen after 10 s") as raised:
        host.servers.upgrade(tenant.server)
    assert [True] == ["is back on its former image" in note for note in raised.value.__notes__]
    assert before == image_of(tenant)
    assert b"kept" == ada.get("files", "kept")


# -- damage


@pytest.mark.parametrize("kind", FileSystemKind)
def test_a_ruined_file_system_is_left_alone_until_a_person_repairs_it(
    tenant: Tenant, kind: FileSystemKind
) -> None:
    """Nothing changes it automatically, and a check does not either; the repair loses no file."""
    host, server, config = tenant.site.host, tenant.server, tenant.site.config
    host.shares.create(server, "worn", Capacity(max(kind.smallest.bytes, 64 << 20)), kind)
    ada = tenant.user("ada")
    host.access.allow(server, "worn", "ada")
    assert (OK, OK) == (ada.put("worn", "kept", b"kept").status, ada.put("files", "kept", b"kept").status)
    image = file_of(config, host.servers.stop(server).server, "worn")
    ruin_tables(image, kind)
    found = ruined(image, kind)
    host.servers.start(server)
    for _ in range(2):
        assert ShareStatus.FAILED is host.shares.show(server, "worn").share.status
        assert ("NT_STATUS_BAD_NETWORK_NAME", b"kept") == (
            ada.do("worn", "ls").status,
            ada.get("files", "kept"),
        )
        host.fleet.reconcile()
        assert host.shares.check(server, "worn").damage
    assert "damaged" in host.shares.show(server, "worn").share.reason
    assert found == ruined(image, kind)
    assert host.shares.check(server, "worn", repair=True).repair
    assert ShareStatus.READY is host.shares.show(server, "worn").share.status
    assert b"kept" == ada.get("worn", "kept")
    assert host.fleet.reconcile().is_empty


@pytest.mark.parametrize("kind", FileSystemKind)
def test_a_damaged_share_stays_failed_until_a_person_repairs_it(tenant: Tenant, kind: FileSystemKind) -> None:
    """The server's other share is served meanwhile, and the failed one says what is wrong."""
    host, server = tenant.site.host, tenant.server
    size = Capacity(max(kind.smallest.bytes, 64 << 20))
    host.shares.create(server, "worn", size, kind)
    ada = tenant.user("ada")
    host.access.allow(server, "worn", "ada")
    assert (OK, OK) == (ada.put("worn", "kept", b"kept").status, ada.put("files", "kept", b"kept").status)
    record = host.servers.show(server).server
    folder = mount_point(tenant.site.config, record, record.share("worn"))
    meet_damage(folder, kind)
    (view,) = host.fleet.reconcile().servers
    assert (ReconcileOutcome.FAILED, ("worn",)) == (view.outcome, view.failed_shares)
    assert ("NT_STATUS_BAD_NETWORK_NAME", OK) == (ada.do("worn", "ls").status, ada.do("files", "ls").status)
    shown = host.shares.show(server, "worn").share
    assert (ShareStatus.FAILED, True) == (shown.status, "damaged" in shown.reason)
    checked = host.shares.check(server, "worn")
    assert "" == checked.damage  # it was met, and is not there
    assert ShareStatus.READY is host.shares.show(server, "worn").share.status
    assert b"kept" == ada.get("worn", "kept")
    assert host.fleet.reconcile().is_empty


def test_a_share_whose_folder_a_repair_moved_stays_failed_until_it_is_back(
    tenant: Tenant, ada: SmbClient
) -> None:
    """Otherwise it would be ready, but not served."""
    host, server, config = tenant.site.host, tenant.server, tenant.site.config
    record = host.servers.stop(server).server
    ruin_root(file_of(config, record, "files"))
    host.servers.start(server)
    host.shares.check(server, "files", repair=True)
    shown = host.shares.show(server, "files").share
    assert (ShareStatus.FAILED, True) == (shown.status, "lost+found" in shown.reason)
    folder = mount_point(config, record, record.share("files"))
    (found,) = (path for path in (folder / "lost+found").iterdir() if (path / "kept").exists())
    found.rename(folder / "data")
    host.fleet.reconcile()
    assert ShareStatus.READY is host.shares.show(server, "files").share.status
    assert b"kept" == ada.get("files", "kept")
    assert host.fleet.reconcile().is_empty


def test_an_ext4_with_an_error_is_not_mounted_before_a_check(tenant: Tenant, ada: SmbClient) -> None:
    """Nobody had noticed before the server was stopped; the kernel would still mount it."""
    host, server = tenant.site.host, tenant.server
    record = host.servers.show(server).server
    meet_damage(mount_point(tenant.site.config, record, record.share("files")), FileSystemKind.EXT4)
    host.servers.stop(server)
    host.servers.start(server)
    shown = host.shares.show(server, "files").share
    assert (ShareStatus.FAILED, True) == (shown.status, "was not checked since" in shown.reason)
    assert "NT_STATUS_BAD_NETWORK_NAME" == ada.do("files", "ls").status
    assert "" == host.shares.check(server, "files").damage
    assert b"kept" == ada.get("files", "kept")
    assert host.fleet.reconcile().is_empty


def test_a_check_after_a_crash_replays_the_journal_first(tenant: Tenant, ada: SmbClient) -> None:
    """What only the journal has is not damage."""
    host, server, config = tenant.site.host, tenant.server, tenant.site.config
    record = host.servers.show(server).server
    image = file_of(config, record, "files")
    subprocess.run(("sync", "--file-system", mount_point(config, record, record.share("files"))), check=True)
    crashed = image.with_suffix(".crashed")
    shutil.copyfile(image, crashed)  # as after a power cut
    assert needs_recovery(crashed)
    host.servers.stop(server)
    crashed.rename(image)
    assert "" == host.shares.check(server, "files").damage
    assert not needs_recovery(image)
    host.servers.start(server)
    assert b"kept" == ada.get("files", "kept")


def needs_recovery(image: Path) -> bool:
    said = subprocess.run(("dumpe2fs", "-h", image), check=True, capture_output=True, text=True).stdout
    return "needs_recovery" in said
