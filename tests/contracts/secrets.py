"""What every keeper of password hashes does."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping

import pytest

from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import UserName
from shares_core.domain.secret import PasswordHash, Secret
from tests.contracts.world import World

ADA, BOB = UserName("ada"), UserName("bob")
ONE, TWO = PasswordHash("1" * 32, 1_700_000_000), PasswordHash("A" * 32, 1_700_000_001)


class SecretsWorld(World):
    """A host whose secrets can be damaged."""

    @abstractmethod
    def damage_secrets(self, server_id: str) -> None:
        """Make the server's set unreadable."""

    @abstractmethod
    def half_put(self, server_id: str, hashes: Mapping[UserName, PasswordHash]) -> None:
        """What a ``put`` leaves if it is killed before its effect."""

    @abstractmethod
    def secret_traces(self, server_id: str) -> object:
        """Whatever exists of the server's set, in a comparable form; false if nothing."""


class SecretsContract:
    """The suite of ``ports.secrets``."""

    def test_a_digest_is_pure(self, world: SecretsWorld) -> None:
        """Equal for equal passwords, different for different ones, and never the password itself."""
        secrets = world.ports.secrets
        known = secrets.digest(Secret("correct horse"), 7)
        assert known == secrets.digest(Secret("correct horse"), 7)
        assert re.fullmatch("[0-9A-F]{32}", known.nt)
        assert 7 == known.changed
        assert known.nt != secrets.digest(Secret("battery staple"), 7).nt
        assert "horse" not in f"{known} {known!r}"

    def test_a_server_has_no_hashes_at_first(self, world: SecretsWorld) -> None:
        """Putting none changes nothing."""
        secrets = world.ports.secrets
        server_id = world.new_id()
        secrets.put(server_id, {})
        assert {} == secrets.hashes(server_id)

    def test_put_hashes_are_kept_beside_others(self, world: SecretsWorld) -> None:
        """Putting twice is putting once; a later hash replaces a former one; servers are separate."""
        secrets = world.ports.secrets
        server_id, other = world.new_id(), world.new_id()
        for _ in range(2):
            secrets.put(server_id, {ADA: ONE})
            secrets.put(server_id, {BOB: TWO})
        assert {ADA: ONE, BOB: TWO} == secrets.hashes(server_id)
        secrets.put(server_id, {ADA: TWO})
        assert ({ADA: TWO, BOB: TWO}, {}) == (secrets.hashes(server_id), secrets.hashes(other))

    def test_removing_removes_and_removing_the_absent_succeeds(self, world: SecretsWorld) -> None:
        """Others stay."""
        secrets = world.ports.secrets
        server_id = world.new_id()
        secrets.remove(server_id, [ADA])
        secrets.put(server_id, {ADA: ONE, BOB: TWO})
        for _ in range(2):
            secrets.remove(server_id, [ADA])
        assert {BOB: TWO} == secrets.hashes(server_id)

    def test_clearing_leaves_no_trace(self, world: SecretsWorld) -> None:
        """Clearing twice is clearing once; what a killed put left goes too."""
        secrets = world.ports.secrets
        server_id = world.new_id()
        secrets.clear(server_id)
        secrets.put(server_id, {ADA: ONE})
        world.half_put(server_id, {BOB: TWO})
        for _ in range(2):
            secrets.clear(server_id)
        assert {} == secrets.hashes(server_id)
        assert not world.secret_traces(server_id)

    def test_a_half_done_put_leaves_the_former_set(self, world: SecretsWorld) -> None:
        """The next put works as usual."""
        secrets = world.ports.secrets
        server_id = world.new_id()
        secrets.put(server_id, {ADA: ONE})
        world.half_put(server_id, {BOB: TWO})
        assert {ADA: ONE} == secrets.hashes(server_id)
        secrets.put(server_id, {BOB: TWO})
        assert {ADA: ONE, BOB: TWO} == secrets.hashes(server_id)

    def test_a_damaged_set_is_reported_and_kept_until_it_is_cleared(self, world: SecretsWorld) -> None:
        """A caller's few hashes never overwrite it."""
        secrets = world.ports.secrets
        server_id = world.new_id()
        secrets.put(server_id, {ADA: ONE})
        world.damage_secrets(server_id)
        damaged = world.secret_traces(server_id)
        with pytest.raises(RecordUnreadable):
            secrets.hashes(server_id)
        with pytest.raises(RecordUnreadable):
            secrets.put(server_id, {BOB: TWO})
        with pytest.raises(RecordUnreadable):
            secrets.remove(server_id, [ADA])
        assert damaged == world.secret_traces(server_id)
        secrets.clear(server_id)
        assert {} == secrets.hashes(server_id)
