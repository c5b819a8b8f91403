"""What every source of ids and passwords does."""

from __future__ import annotations

import re
from uuid import UUID

from tests.contracts.world import World

_MANY = 500
_BITS = 128


class IdsContract:
    """The suite of ``ports.ids``."""

    def test_an_id_is_12_hexadecimal_digits(self, world: World) -> None:
        """In lower case."""
        ids = world.ports.ids
        assert re.fullmatch("[0-9a-f]{12}", ids.new_id())

    def test_a_uuid_is_in_its_canonical_form(self, world: World) -> None:
        """As blkid prints it."""
        ids = world.ports.ids
        given = ids.new_uuid()
        assert str(UUID(given)) == given

    def test_ids_uuids_and_passwords_never_repeat(self, world: World) -> None:
        """No id, no UUID and no password."""
        ids = world.ports.ids
        for mint in (ids.new_id, ids.new_uuid, lambda: ids.new_password().reveal()):
            assert _MANY == len({mint() for _ in range(_MANY)})

    def test_a_password_is_long_enough_and_easy_to_paste(self, world: World) -> None:
        """Its alphabet and length hold 128 bits, and nothing in it needs quoting."""
        ids = world.ports.ids
        password = ids.new_password().reveal()
        assert re.fullmatch("[A-Za-z0-9_-]+", password)
        bits = 4 if re.fullmatch("[0-9a-f]+", password) else 6
        assert len(password) * bits >= _BITS
