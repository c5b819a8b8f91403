from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares_core.domain.errors import InvalidInput
from shares_core.domain.secret import PasswordHash, Secret

PASSWORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=8, max_size=256)


@given(PASSWORDS)
def test_a_secret_hides_its_text(password: str) -> None:
    """Only reveal returns it; printing and formatting do not."""
    secret = Secret(password)
    assert password == secret.reveal()
    assert {"Secret('***')"} == {repr(secret), str(secret), f"{secret}", f"{secret!r}"}


def test_a_hash_hides_itself() -> None:
    """A hash is as good as the password."""
    known = PasswordHash("0123456789ABCDEF0123456789ABCDEF", 1)
    assert {"PasswordHash('***')"} == {repr(known), str(known)}


@pytest.mark.parametrize("text", ["", "a\nb", "a\x00", "\x7f", "\t", "\ud800", "x" * 257, None, 7])
def test_a_password_that_no_client_can_send_is_refused(text: object) -> None:
    """Empty and endless ones and control characters are refused, and the error does not show the password."""
    with pytest.raises(InvalidInput) as caught:
        Secret(text)  # type: ignore[arg-type]
    assert not (isinstance(text, str) and len(text) > 1 and text in str(caught.value))
