from __future__ import annotations

import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares_core.domain.errors import InvalidInput
from shares_core.domain.names import Name, ServerName, ShareName, UserName, key_of

KINDS = (ServerName, ShareName, UserName)
#: Names that would leave their word, line, path or section in one of the files and commands that hold them.
INJECTIONS = [
    *("", " ", ".", "..", "../etc", "a\nb", "a\n", "a\r", "a\tb", "a\x00b", "a\x7fb", "a\x85b"),
    *("a/b", "a\\b", "a:b", 'a"b', "a;b", "a[b", "]", "a=b", "a,b", "a|b", "a*", "*", "a?", "<a>", "+games"),
    *(" a", "a ", "a\u00a0b", "a\u2028b", "a\u2029b", "a\u3000b", "a\u202eb", "a\u200bb", "\ufeffa"),
    *("\u200d", "\u200c\ufe0f", "a\u3164", "\u2800", "\u115fb"),
    *("\ud800", "\ue000", "\uffff", "\U000e0041", "\U0010ffff"),
]
PEOPLE = [
    *("max.mustermann", "Ada-Lovelace", "a", "_svc", "user42", "4ever", "x" * 255, "ada@example.com"),
    *(
        "Max Mustermann",
        "müller",
        "svc$",
        "104233",
        "backup",
        "李小龍先生",
        "🦊🦊🦊🦊",
        "👨\u200d👩\u200d👧",
        "O'Brien",
    ),
    *(
        "root",
        "nobody",
        "Everyone",
        "Administrator",
        "guest",
        "S-1-1-0",
        "srv0123456789ab",
        "a%Ub",
        "x#1 {y}",
    ),
    *(
        "-dash",
        "!bang",
        "~tilde`",
        "(x)",
        "x.",
        "global",
        "домен",
        "עברית",
        "\uff57\uff49\uff44\uff45",
        "漢" * 150,
        "$x",
        "%U",
    ),
]
SHARES = [
    *("Projects 2026", "R&D", "a", "O'Brien (old)", "_x", "2026.Q1", "x" * 80, "Büro", "株式会社", "#1 {x}"),
    *(
        "admin",
        "print",
        "ipc",
        "old$",
        "data$",
        "&x",
        "@x",
        ".hidden",
        "~a",
        "!a",
        "é",
        "漢" * 80,
        "🦊" * 40,
        "a`b`",
    ),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", INJECTIONS)
def test_an_injection_is_refused(kind: type[Name], value: str) -> None:
    """Whatever ends a word, a line or a section, is no text, or cannot be seen."""
    with pytest.raises(InvalidInput) as caught:
        kind(value)
    assert str(caught.value).isprintable()
    assert str(caught.value).isascii()


@pytest.mark.parametrize("value", PEOPLE)
def test_users_have_the_names_that_people_have(value: str) -> None:
    """Those of Debian's accounts, Windows' groups and Samba's words too: they mean nothing there."""
    assert value == str(UserName(value))


@pytest.mark.parametrize("value", SHARES)
def test_shares_have_the_names_that_windows_takes(value: str) -> None:
    assert value == str(ShareName(value))


@pytest.mark.parametrize("value", ["tenant-a", "6f1a5c1e-3f0c-4f5e-9a77-2f0e8f6b6c11", "a.b", "x" * 63])
def test_servers_may_have_the_ids_of_manila(value: str) -> None:
    """A UUID is a valid server name."""
    assert value == str(ServerName(value))


@pytest.mark.parametrize(
    "value", ["@games", "&games", "@", "x" * 256, "漢" * 151, "é" * 151, "🦊" * 113, "...", ". ."]
)
def test_a_user_cannot_have_a_name_that_the_map_of_users_cannot_hold(value: str) -> None:
    """A group's, one that is cut, one without a sign. An accent counts as a client may send it: apart."""
    with pytest.raises(InvalidInput):
        UserName(value)


@pytest.mark.parametrize("value", ["x" * 81, "漢" * 81, "🦊" * 41, "x" * 79 + "🦊"])
def test_a_share_name_has_80_units_of_utf_16(value: str) -> None:
    with pytest.raises(InvalidInput, match=r"too long: 8[12] UTF-16 units, 80 at most"):
        ShareName(value)


@pytest.mark.parametrize(
    "value",
    [
        *("global", "Global", "HOMES", "printers", "IPC$", "ipc$", "ADMIN$", "print$", "netlogon"),
        *("Globals", "glo bal", "GLOBAL S", "hom es", "Pri nters", "\u0131pc$", "pr\u0131nt$"),
    ],
)
def test_a_share_cannot_have_a_name_with_a_meaning_to_samba(value: str) -> None:
    """Samba takes [Globals] and [glo bal] for [global] (seen by testparm), and so it may a dotless i."""
    with pytest.raises(InvalidInput, match="reserved"):
        ShareName(value)


@pytest.mark.parametrize("value", ["a  b", "a   b", "a.", "-x", "%U", "100%"])
def test_a_share_cannot_have_a_name_that_clients_or_tools_read_as_another(value: str) -> None:
    """Samba takes [a  b] for [a b], Windows a. for a."""
    with pytest.raises(InvalidInput):
        ShareName(value)


@pytest.mark.parametrize("value", ["a b", "a.", "x" * 64, "_a", "R&D", "é", "-x", "@x", "$x", "%U"])
def test_a_server_has_a_plain_name(value: str) -> None:
    """A server's name has neither spaces nor signs."""
    with pytest.raises(InvalidInput):
        ServerName(value)


def test_each_character_of_unicode_is_allowed_in_a_server_only_if_it_is_on_the_list() -> None:
    word = set(string.ascii_letters + string.digits)
    accepted = {char for char in map(chr, range(0x110000)) if ServerName.is_usable(f"a{char}b")}
    assert word | set("._-") == accepted
    assert word == {char for char in map(chr, range(0x110000)) if ServerName.is_usable(f"{char}b")}


@pytest.mark.parametrize("kind", [UserName, ShareName])
def test_each_character_of_unicode_is_text_or_refused(kind: type[Name]) -> None:
    """In the middle of a name, wherever Python's own table puts it."""
    accepted = {char for char in map(chr, range(0x110000)) if kind.is_usable(f"a{char}b")}
    assert set() == accepted & set('"/\\[]:;|=,+*?<>')
    assert {" ", "\u200c", "\u200d"} == {c for c in accepted if not c.isprintable() or c.isspace()}
    kinds = {unicodedata.category(char)[0] for char in accepted - {"\u200c", "\u200d"}}
    assert set("LMNPSZ") == kinds
    letters = {char for char in map(chr, range(0x110000)) if unicodedata.category(char)[0] in "LMN"}
    assert letters - set("\u115f\u1160\u3164\uffa0") <= accepted  # which have no shape


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_text(kind: type[Name]) -> None:
    """Anything but text is refused, and not by accident."""
    for value in (None, 7, b"alice"):
        with pytest.raises(InvalidInput):
            kind(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
@given(value=st.from_regex(re.compile(r"[A-Za-z][A-Za-z0-9]{0,20}"), fullmatch=True))
def test_names_that_differ_only_in_case_have_the_same_key(kind: type[Name], value: str) -> None:
    """The key is what SMB clients compare."""
    try:
        keys = {kind(value).key, kind(value.upper()).key, kind(value.swapcase()).key}
    except InvalidInput:
        return
    assert 1 == len(keys)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("müller", "MÜLLER"),
        ("müller", unicodedata.normalize("NFD", "Müller")),
        ("ida", "\u0131da"),
        ("sam", "\u017fam"),
        ("Kay", "\u212aay"),
        ("Ångström", "\u212bngström"),
        ("straße", "STRASSE"),
        ("straße", "straẞe"),
        ("σας", "ΣΑΣ"),
        ("ǆ", "ǅ"),
        ("ᲀ", "в"),
        ("ada", "ada\u200d"),
        ("ada", "a\ufe0fda"),
    ],
)
def test_names_that_samba_or_people_take_for_one_have_the_same_key(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


def test_characters_with_the_same_upper_or_lower_case_have_the_same_key() -> None:
    """Samba compares characters by either, from Unicode's table."""
    apart = {
        (char, other)
        for char in map(chr, range(0x80, 0x110000))
        if unicodedata.category(char)[0] == "L"
        for other in (char.upper(), char.lower(), char.title())
        if len(other) == 1 and key_of(f"x{char}") != key_of(f"x{other}")
    }
    assert set() == apart
