"""Password hashes on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.secrets import DiskSecrets, nt_hash
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import UserName
from shares_core.domain.secret import PasswordHash, Secret

ADA, BOB = UserName("ada"), UserName("bob")


@pytest.fixture
def secrets(tmp_path: Path) -> DiskSecrets:
    return DiskSecrets(Layout(tmp_path))


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("Password", "A4F49C406510BDCAB6824EE7C30FD852"),  # MS-NLMP 4.2.2.1.2
        ("password", "8846F7EAEE8FB117AD06BDD830B7586C"),
    ],
)
def test_the_nt_hash_is_that_of_the_specification(password: str, expected: str) -> None:
    """The hash equals the protocol document's own example."""
    assert expected == nt_hash(Secret(password))


def test_hashes_are_kept_apart_for_each_server(secrets: DiskSecrets) -> None:
    """Servers have separate users, and putting one hash leaves the others."""
    first, second = PasswordHash("A" * 32, 1), PasswordHash("B" * 32, 2)
    secrets.put("one", {ADA: first})
    secrets.put("one", {BOB: second})
    secrets.put("two", {ADA: second})
    secrets.remove("one", [BOB, BOB])
    assert ({ADA: first}, {ADA: second}) == (secrets.hashes("one"), secrets.hashes("two"))
    secrets.clear("one")
    secrets.clear("one")
    assert {} == secrets.hashes("one")


def test_only_root_can_read_hashes(secrets: DiskSecrets, tmp_path: Path) -> None:
    """A hash is as good as a password: the file is 0600 in a folder that is 0700."""
    secrets.put("one", {ADA: PasswordHash("A" * 32, 1)})
    path = tmp_path / "secrets" / "one.json"
    assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)


def test_a_damaged_file_is_named_without_its_content(secrets: DiskSecrets, tmp_path: Path) -> None:
    """The error names the file, and shows nothing of its content."""
    secrets.put("one", {ADA: PasswordHash("A" * 32, 1)})
    path = tmp_path / "secrets" / "one.json"
    path.write_text('{"ada": {"nt": "SECRETHASH"}')
    with pytest.raises(RecordUnreadable, match="password hashes") as raised:
        secrets.hashes("one")
    assert "SECRETHASH" not in str(raised.value)
    assert raised.value.__cause__ is None
