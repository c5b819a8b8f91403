"""What doctor says of an installation's state: its pool and its records."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.contracts.values import OWNER, ref
from tests.settings import folder_of, with_pool
from tests.unit.adapters.values import SERVER

from shares_core import bootstrap
from shares_core.adapters.doctor.examine import pool_findings, record_findings
from shares_core.bootstrap import ports
from shares_core.config import DockerSettings, FilePool, HostConfig
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.findings import Finding, Verdict
from shares_core.domain.volume import DEFAULT_POOL, PoolName


@pytest.fixture
def config(tmp_path: Path) -> HostConfig:
    """An installation with a pool, a volume in it, and a record."""
    config = HostConfig(
        state_dir=tmp_path / "state",
        pools=(FilePool(dir=tmp_path / "pool", size=Capacity(64 * MIB)),),
        docker=DockerSettings(url="tcp://127.0.0.1:1"),
    )
    made = ports(config)
    made.storage.prepare(DEFAULT_POOL)
    made.storage.ensure_volume(ref("5aaaaaaaaaaa"), Capacity(16 * MIB), OWNER)
    made.records.save(SERVER)
    return config


def _pool(config: HostConfig) -> Finding:
    (finding,) = pool_findings(ports(config).storage)
    return finding


def _records(config: HostConfig) -> list[Finding]:
    return list(record_findings(ports(config).records))


def _record(config: HostConfig) -> Path:
    return config.state_dir / "records" / f"{SERVER.id}.json"


def test_a_healthy_installation_lacks_nothing(config: HostConfig) -> None:
    assert Verdict.OK is _pool(config).verdict
    assert [Finding("records", Verdict.OK, "1 can be read")] == _records(config)


def test_an_unused_installation_lacks_nothing(tmp_path: Path) -> None:
    """Looking does not make it."""
    fresh = HostConfig(state_dir=tmp_path / "state", pools=(FilePool(size=Capacity(MIB)),))
    assert Verdict.OK is _pool(fresh).verdict
    assert [Finding("records", Verdict.OK, "0 can be read")] == _records(fresh)
    assert [] == list(tmp_path.iterdir())


def test_a_lost_pool_is_missing(config: HostConfig) -> None:
    shutil.rmtree(folder_of(config))
    finding = _pool(config)
    assert (Verdict.MISSING, f"{folder_of(config)} is not the pool default of this installation") == (
        finding.verdict,
        finding.detail,
    )
    assert "mount the disk that the pool is on" in finding.mend


def test_each_of_several_pools_is_looked_at(config: HostConfig, tmp_path: Path) -> None:
    """By its name; a missing one does not affect the others."""
    both = config.with_pool(FilePool(name=PoolName("fast"), dir=tmp_path / "fast", size=Capacity(MIB)))
    ports(both).storage.prepare(PoolName("fast"))
    shutil.rmtree(folder_of(config))
    found = [(each.subject, each.verdict) for each in pool_findings(ports(both).storage)]
    assert [("pool", Verdict.MISSING), ("pool fast", Verdict.OK)] == found


def test_a_pool_of_another_installation_is_missing(config: HostConfig, tmp_path: Path) -> None:
    other = HostConfig(state_dir=tmp_path / "other", pools=(FilePool(dir=tmp_path / "others-pool"),))
    ports(other).storage.prepare(DEFAULT_POOL)
    shutil.rmtree(folder_of(config))
    shutil.copytree(folder_of(other), folder_of(config))
    assert Verdict.MISSING is _pool(config).verdict


def test_a_damaged_identity_of_an_installation_is_reported(config: HostConfig) -> None:
    (config.state_dir / "installation.json").write_text("{")
    finding = _pool(config)
    assert Verdict.MISSING is finding.verdict
    assert "installation.json cannot be read: it is not JSON" in finding.detail


def test_a_pool_with_too_small_or_too_large_a_size_is_noted(config: HostConfig) -> None:
    """Promises stay, and the disk cannot give what it does not have."""
    small, large = (_pool(with_pool(config, size=Capacity(size))) for size in (MIB, GIB << 30))
    assert (Verdict.NOTE, Verdict.NOTE) == (small.verdict, large.verdict)
    assert "less than the 16 MiB promised to shares" in small.detail
    assert f"the disk at {folder_of(config)} can hold" in large.detail


def test_each_unreadable_record_is_reported(config: HostConfig) -> None:
    """It is named, with a remedy; no server is made meanwhile."""
    _record(config).write_bytes(b"{")
    (finding,) = _records(config)
    assert ("record", Verdict.MISSING) == (finding.subject, finding.verdict)
    assert f"{_record(config)} cannot be read" in finding.detail
    assert "restore it from a backup" in finding.mend


def test_doctor_looks_at_both_and_changes_nothing(config: HostConfig, tmp_path: Path) -> None:
    """Its findings name them, and no file changes."""
    _record(config).write_bytes(b"{")
    (folder_of(config) / "pool.json").unlink()
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    found = {finding.subject: finding for finding in bootstrap.examine(config)}
    assert before == {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert {Verdict.MISSING} == {found[subject].verdict for subject in ("pool", "record", "docker")}
    assert "tcp://127.0.0.1:1" in found["docker"].detail
