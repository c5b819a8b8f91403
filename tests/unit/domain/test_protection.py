"""What a server demands of its clients."""

from __future__ import annotations

import itertools

import pytest

from shares_core.domain.errors import InvalidInput
from shares_core.domain.protection import Dialect, Encryption, Protection

ALL = [
    Protection(encryption, dialect)
    for encryption, dialect in itertools.product(Encryption, Dialect)
    if (encryption, dialect) != (Encryption.REQUIRED, Dialect.SMB2_10)
]


def test_a_server_is_closed_by_default() -> None:
    """Encrypted, SMB 3 and newer, and nothing relaxed."""
    assert (Encryption.REQUIRED, Dialect.SMB3_00) == (Protection().encryption, Protection().min_protocol)
    assert () == Protection().relaxations


def test_smb_2_with_encryption_required_is_a_contradiction() -> None:
    """Built at once or step by step."""
    with pytest.raises(InvalidInput, match="cannot encrypt"):
        Protection(Encryption.REQUIRED, Dialect.SMB2_10)
    with pytest.raises(InvalidInput, match="cannot encrypt"):
        Protection().changed(None, Dialect.SMB2_10)
    relaxed = Protection().changed(Encryption.DESIRED, Dialect.SMB2_10)
    with pytest.raises(InvalidInput, match="cannot encrypt"):
        relaxed.changed(Encryption.REQUIRED, None)


@pytest.mark.parametrize("wrong", ["none", "", "required ", "SMB2_02", "SMB1"])
def test_other_words_are_refused(wrong: str) -> None:
    for kind in (Encryption, Dialect):
        with pytest.raises(InvalidInput, match="is not one of"):
            kind.parse(wrong)


def test_words_are_read_in_any_case() -> None:
    assert (Encryption.DESIRED, Dialect.SMB3_11) == (Encryption.parse("Desired"), Dialect.parse("smb3_11"))


def test_each_relaxation_is_told() -> None:
    """One sentence for each, in words that say what it costs."""
    told = {protection: len(protection.relaxations) for protection in ALL}
    assert told == {
        protection: (protection.encryption is Encryption.DESIRED)
        + (protection.min_protocol is Dialect.SMB2_10)
        for protection in ALL
    }


def test_a_protection_may_refuse_clients_of_a_lower_one() -> None:
    """If it demands more in any respect, and only then."""
    refusing = {(a, b) for a in ALL for b in ALL if a.may_refuse_clients_of(b)}
    order = {member: number for kind in (Encryption, Dialect) for number, member in enumerate(kind)}
    assert refusing == {
        (a, b)
        for a in ALL
        for b in ALL
        if order[a.encryption] > order[b.encryption] or order[a.min_protocol] > order[b.min_protocol]
    }


def test_what_is_not_given_stays() -> None:
    relaxed = Protection(Encryption.DESIRED, Dialect.SMB3_11)
    assert relaxed == relaxed.changed(None, None)
    assert Protection(Encryption.REQUIRED, Dialect.SMB3_11) == relaxed.changed(Encryption.REQUIRED, None)
    assert Protection(Encryption.DESIRED, Dialect.SMB2_10) == relaxed.changed(None, Dialect.SMB2_10)
