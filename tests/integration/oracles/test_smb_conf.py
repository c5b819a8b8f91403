"""smb.conf as Samba reads it: testparm of the version that serves is the judge."""

from __future__ import annotations

import shlex
from configparser import RawConfigParser

import pytest
from attrs import evolve

from shares_core.adapters.samba.render import render_smb_conf
from shares_core.domain.access import AccessLevel, AccessRule
from shares_core.domain.names import ShareName
from shares_core.domain.options import ShareOptions
from shares_core.domain.server import ShareServer
from shares_core.domain.share import FileSystemKind
from tests.contracts.operations import SERVED
from tests.integration.oracles.box import Box
from tests.integration.oracles.strategies import accepted, examples, servers
from tests.integration.oracles.strategies import names as names_of
from tests.unit.adapters.values import SERVER, SHARE

Sections = dict[str, dict[str, str | list[str]]]

_TESTPARM = 'testparm -s --suppress-prompt "$f"'
#: What testparm prints on standard error for a correct file.
_CONTENT = {
    "Loaded services file OK.",
    "Weak crypto is allowed by GnuTLS (e.g. NTLM as a compatibility fallback)",
    "",
    "Server role: ROLE_STANDALONE",
}
#: What every share has beside its path and its users; testparm leaves out what is Samba's default,
#: which ``read only = yes`` and ``guest ok = no`` are.
_ALWAYS = {
    "fruit:time machine": "no",
    "fruit:time machine max size": "0",
    "create mask": "0700",
    "directory mask": "0700",
    "force create mode": "0700",
    "force directory mode": "0700",
    "force group": "shares",
    "force user": "shares",
    "full_audit:failure": "none",
    "full_audit:success": "create_file renameat unlinkat linkat",
    "full_audit:syslog": "no",
    "shadow:localtime": "no",
    "shadow:snapdir": "/shares",
    "shadow:sort": "desc",
}


def _meant(server: ShareServer) -> Sections:
    """What the record means, in Samba's words."""
    sections: Sections = {}
    for share in server.shares:
        if share.status not in SERVED or not share.rules:
            continue
        uids = {account.name: account.uid for account in server.accounts}
        users = [f"<{uids[rule.principal.name]}>" for rule in share.rules]
        writers = [f"<{uids[r.principal.name]}>" for r in share.rules if r.level is AccessLevel.READ_WRITE]
        section: dict[str, str | list[str]] = {"path": f"/shares/{share.id}/data", "valid users": users}
        section |= {"browseable": "No"} if share.name.is_hidden else {}
        first = ["full_audit"] if share.options.audit else []
        bin_of = ["recycle"] if share.options.recycle_bin is not None else []
        section |= {"vfs objects": [*first, "fruit", "streams_xattr", *bin_of, "shadow_copy2"]}
        section |= {"shadow:mountpoint": f"/shares/{share.id}"}
        section |= {"shadow:format": f"{share.id}@GMT-%Y.%m.%d-%H.%M.%S"}
        section |= {"full_audit:prefix": f"shares-audit|{share.id}|%U|%I"}
        section |= {"case sensitive": "Yes" if share.filesystem.case_fold else "No"}
        section |= {"strict allocate": "Yes"} if share.filesystem.kind is FileSystemKind.XFS else {}
        sections[str(share.name)] = section | _ALWAYS | ({"write list": writers} if writers else {})
    return sections


def _parsed(output: str) -> tuple[dict[str, str], Sections]:
    """testparm's output: the global section and those of the shares, with lists of users as lists."""
    parser = RawConfigParser(delimiters=("=",), comment_prefixes=("#",), default_section="\n")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string("\n".join(line.strip() for line in output.splitlines()))
    found = {name: dict(parser.items(name)) for name in parser.sections()}
    common = found.pop("global")
    for own in ("netbios name", "server multi channel support"):  # what differs between servers
        common.pop(own, "")
    lists = ("valid users", "write list", "vfs objects")
    return common, {
        name: {key: value.split() if key in lists else value for key, value in section.items()}
        for name, section in found.items()
    }


def _complaints(said: str) -> set[str]:
    return {line for line in said.splitlines() if not line.startswith("Load smb config files")} - _CONTENT


@pytest.fixture(scope="module")
def common(box: Box) -> dict[str, str]:
    """The global section of a server without a share, as Samba reads it."""
    [(out, _)] = box.for_each([render_smb_conf(evolve(SERVER, shares=()))], _TESTPARM)
    return _parsed(out)[0]


def _mistaken(box: Box, common: dict[str, str], many: list[ShareServer]) -> list[str]:
    """The files that Samba reads differently than meant, the shortest first."""
    texts = [render_smb_conf(server) for server in many]
    wrong = [
        text
        for server, text, (out, err) in zip(many, texts, box.for_each(texts, _TESTPARM), strict=True)
        if (common, _meant(server), set()) != (*_parsed(out), _complaints(err))
    ]
    return sorted(wrong, key=len)


def test_samba_reads_what_the_record_means(box: Box, common: dict[str, str]) -> None:
    """For any server: exactly these sections, each as meant, the global one unchanged, no complaint."""
    many = examples(servers(), 300)
    assert sum(len(_meant(server)) for server in many) > 150
    assert [] == _mistaken(box, common, many)[:1]


def test_samba_reads_many_shares_as_meant(box: Box, common: dict[str, str]) -> None:
    """The number of shares does not change the meaning of each."""
    names = {ShareName(name).key: name for name in examples(names_of(ShareName), 500)}
    shares = tuple(
        evolve(SHARE, id=f"{number:012x}", name=ShareName(name)) for number, name in enumerate(names.values())
    )
    assert len(shares) > 100
    assert [] == _mistaken(box, common, [evolve(SERVER, shares=shares)])


def test_a_mistake_would_be_seen(box: Box, common: dict[str, str]) -> None:
    """The judge's positive control: a server rendered as another is a mistake."""
    server = evolve(SERVER, shares=(SHARE,))
    wider = server.with_share(
        SHARE.with_rules((AccessRule.for_user("ada", "rw"), AccessRule.for_user("bob", "rw")))
    )
    [(out, _)] = box.for_each([render_smb_conf(wider)], _TESTPARM)
    assert (common, _meant(wider)) == _parsed(out)
    assert _meant(server) != _parsed(out)[1]


@pytest.mark.parametrize(
    ("sections", "read"),
    [
        (("a b", "a  b"), {"a b"}),
        (("Global s", "a"), {"a"}),
        (("GLOBALS", "a"), {"a"}),
        (("glo bal", "a"), {"a"}),
        (("a b", "ab", "a.b"), {"a b", "ab", "a.b"}),
    ],
)
def test_names_that_samba_would_merge_are_refused(
    box: Box, sections: tuple[str, ...], read: set[str]
) -> None:
    """If Samba takes two sections for one, or a share for [global], one of the names is not allowed."""
    text = "[global]\n" + "".join(f"[{name}]\npath = /{number}\n" for number, name in enumerate(sections))
    [(out, _)] = box.for_each([text], _TESTPARM)
    assert read == set(_parsed(out)[1])
    assert (read == set(sections)) == all(accepted(ShareName, name) for name in sections)


def _asked(box: Box, section: str, parameter: str) -> str:
    """One parameter as Samba has it, its default included."""
    options = f"--section-name={shlex.quote(section)} --parameter-name={shlex.quote(parameter)}"
    return box.script(f"testparm -s --suppress-prompt {options} /config/smb.conf 2>/dev/null").strip()


@pytest.mark.parametrize("name", ["path", "R&D", "O'Brien's files", "a ((", "#1 {x}", "Büro 株式会社"])
def test_each_parameter_of_a_share_is_as_meant(box: Box, name: str) -> None:
    """Asked one by one, with Samba's defaults: closed except for users with a rule."""
    rules = (AccessRule.for_user("ada", "rw"), AccessRule.for_user("bob", "ro"))
    share = evolve(SHARE, name=ShareName(name), rules=rules, options=ShareOptions(audit=True))
    box.place("config/smb.conf", render_smb_conf(evolve(SERVER, shares=(share,))))
    expected = {
        "path": f"/shares/{SHARE.id}/data",
        "read only": "Yes",
        "guest ok": "No",
        "guest only": "No",
        "available": "Yes",
        "valid users": "<10000> <10001>",
        "write list": "<10000>",
        "read list": "",
        "admin users": "",
        "invalid users": "",
        "force user": "shares",
        "wide links": "No",
        "follow symlinks": "No",
        "printable": "No",
        "hosts allow": "",
        "vfs objects": "full_audit fruit streams_xattr shadow_copy2",
        "full_audit:prefix": f"shares-audit|{SHARE.id}|%U|%I",
        "full_audit:success": "create_file renameat unlinkat linkat",
        "full_audit:failure": "none",
        "nt acl support": "No",
        "acl allow execute always": "Yes",
        "create mask": "0700",
        "force create mode": "0700",
    }
    assert expected == {parameter: _asked(box, name, parameter) for parameter in expected}


def test_each_global_parameter_is_as_meant(box: Box) -> None:
    """The parameters that close a server have that effect on Samba, however they are written."""
    box.place("config/smb.conf", render_smb_conf(SERVER))
    expected = {
        "server role": "standalone server",
        "netbios name": f"SRV{SERVER.id.upper()}",
        "server multi channel support": "No",
        "smb2 max credits": "32",
        "smb2 max write": "1048576",
        "workgroup": "SHARES",
        "server min protocol": "SMB3_00",
        "server smb encrypt": "required",
        "server signing": "required",
        "ntlm auth": "ntlmv2-only",
        "map to guest": "Never",
        "restrict anonymous": "2",
        "access based share enum": "Yes",
        "smb ports": "445",
        "disable netbios": "Yes",
        "load printers": "No",
        "disable spoolss": "Yes",
        "smb3 unix extensions": "No",
        "usershare max shares": "0",
        "registry shares": "No",
        "lanman auth": "No",
        "null passwords": "No",
        "username map": "/config/users.map",
        "username map script": "",
        "username map cache time": "0",
        "guest account": "<guest>",
        "config backend": "file",
        "passdb backend": "smbpasswd:/private/smbpasswd",
    }
    assert expected == {parameter: _asked(box, "global", parameter) for parameter in expected}
