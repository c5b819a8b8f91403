"""Install the service, and leave callers and clients at work: the power is cut when this ends."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from shares_core import AccessLevel, Capacity, Host
from shares_core.config import MACHINE_SETTINGS
from tests.reliability.calling import STABLE
from tests.system.powercut import scene
from tests.testkit.clients import ClientNamespace
from tests.testkit.probes import until

ROOT = Path(__file__).parents[4]
SEED = int(os.environ.get("SHARES_CORE_TEST_SEED", "20261127"))
_SECONDS = 240
_SIZE = Capacity.parse("24MiB")


def test_a_storm_is_at_its_height() -> None:
    """Each caller has done something, and the server has acknowledged something to each client."""
    for there in (scene.FOLDER, scene.INSTALLED_UNIT, MACHINE_SETTINGS):
        if there.exists():
            pytest.fail(f"{there} is left of a former run, or this machine's own: nothing is done")
    scene.FOLDER.mkdir(mode=0o700)
    scene.install_settings()
    install_service()
    host = scene.host()
    for name in scene.SERVERS:
        host.servers.create(name)
        for share in STABLE:
            host.shares.create(name, share, _SIZE)
    for number, name in enumerate(scene.WRITTEN):
        leave_writing(host, name, number)
    host.shares.create(scene.SERVERS[0], scene.KEPT, _SIZE, pool=scene.POOL)
    leave("tests.system.powercut.snapshotting", log="snapshotting.log")
    for job in scene.jobs(SEED):
        leave_calling(pickle.dumps(job), job.process)
    assert until(all_at_work, _SECONDS), sorted(path.name for path in scene.FOLDER.iterdir())


def install_service() -> None:
    """Install the unit of the package, with this environment's program."""
    program = Path(sys.executable).with_name("shares-core")
    unit = (ROOT / "packaging" / scene.UNIT).read_text().replace("/usr/local/bin/shares-core", str(program))
    assert f"ExecStart={program} watch\n" in unit
    scene.INSTALLED_UNIT.write_text(unit)
    subprocess.run(("systemctl", "daemon-reload"), check=True)
    subprocess.run(("systemctl", "enable", "--now", scene.UNIT), check=True)


def leave_writing(host: Host, name: str, number: int) -> None:
    password = host.access.allow(name, scene.SHARE, scene.USER, AccessLevel.READ_WRITE).password
    assert password is not None
    secret = scene.secret_of(name)
    secret.touch(mode=0o600)
    secret.write_text(password.reveal())
    interface = host.servers.show(name).server.interfaces[0]
    namespace = ClientNamespace.create(interface.attachment.device, f"10.216.0.{200 + number}/24")
    address, told = str(interface.addresses[0].ip), scene.acknowledged_of(name)
    words = (address, namespace.name, scene.USER, scene.SHARE, str(told))
    leave("tests.system.reboot.writer", *words, log=f"writer-{name}.log")


def leave_calling(job: bytes, number: int) -> None:
    document = scene.FOLDER / f"job-{number}"
    document.write_bytes(job)
    leave("tests.reliability.calling", log=f"calling-{number}.log", stdin=document)


def leave(module: str, *words: str, log: str, stdin: Path = Path(os.devnull)) -> None:
    """Start a process that goes on after this one has ended."""
    with (scene.FOLDER / log).open("wb") as said, stdin.open("rb") as given:
        argv = ("setsid", "--fork", sys.executable, "-m", module, *words)
        subprocess.run(argv, cwd=ROOT, stdin=given, stdout=said, stderr=said, check=True)


def all_at_work() -> bool:
    told = [*scene.FOLDER.glob("told-*.jsonl"), *map(scene.acknowledged_of, scene.WRITTEN), scene.SNAPSHOTS]
    if len(told) < sum(job.threads for job in scene.jobs(SEED)) + len(scene.WRITTEN) + 1:
        return False
    return all(path.exists() and len(path.read_text().splitlines()) >= 12 for path in told)
