"""Audit trails: who did what, from where; kept whatever becomes of the server."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import closing

import docker
import pytest
from attrs import evolve
from smbprotocol.open import CreateDisposition, CreateOptions, FilePipePrinterAccessMask, Open
from smbprotocol.tree import TreeConnect

from shares_core import Capacity, ShareOptions
from shares_core.domain.audit import AuditAction, AuditEntry
from shares_core.domain.names import UserName, forms_of
from shares_core.domain.protection import Encryption
from tests.integration.conftest import NewClient, NewServer, Tenant
from tests.integration.support.inside import executed
from tests.reliability.watched import watching
from tests.testkit.clients import READ, READ_WRITE, nt_status, open_file
from tests.testkit.probes import until
from tests.testkit.site import Site
from tests.testkit.smb_requests import rename

OK = "NT_STATUS_OK"
FILE, FOLDER = CreateOptions.FILE_NON_DIRECTORY_FILE, CreateOptions.FILE_DIRECTORY_FILE
FOUND = CreateDisposition.FILE_OPEN
DELETE = FilePipePrinterAccessMask.DELETE
OPENED, CREATED, REPLACED = AuditAction.OPENED, AuditAction.CREATED, AuditAction.REPLACED
RENAMED, LINKED, DELETED = AuditAction.RENAMED, AuditAction.LINKED, AuditAction.DELETED
#: What is done is in the trail after two seconds; a busy machine may take longer.
_SECONDS = 30


@pytest.fixture
def audited(tenant: Tenant) -> Tenant:
    tenant.site.host.shares.set(tenant.server, "files", audit=True)
    return tenant


def settle(tenant: Tenant) -> None:
    """Wait until Docker's log has all that smbd has said: Docker copies it in its own time, in order."""
    name, word = f"shares-{tenant.server_id}", uuid.uuid4().hex
    with closing(docker.from_env()) as client:
        status, _, errors = executed(client.api, name, "bash", "-c", f"echo {word} > /proc/1/fd/1")
        assert status == 0, errors
        assert until(lambda: word.encode() in client.api.logs(name, tail=100))


def trail(tenant: Tenant, share: str = "files") -> tuple[AuditEntry, ...]:
    settle(tenant)
    return tenant.site.host.shares.audit(tenant.server, share)


def done(tenant: Tenant, share: str = "files") -> list[tuple[AuditAction, str, str]]:
    """What is in the trail, without who and when."""
    return [(entry.action, entry.path, entry.new_path) for entry in trail(tenant, share)]


def kept_on_the_host(tenant: Tenant) -> int:
    """How many entries there are, without asking the server."""
    folder = tenant.site.config.state_dir / "audit" / tenant.server_id
    return sum(len(path.read_text().splitlines()) for path in folder.glob("*/*.jsonl"))


def make(tree: TreeConnect, path: str, access: int = READ_WRITE, options: int = FILE) -> Open:
    """A new file, or folder."""
    return open_file(tree, path, access, disposition=CreateDisposition.FILE_CREATE, options=options)


# ---- what is recorded


def test_what_is_written_renamed_and_deleted_is_recorded(audited: Tenant) -> None:
    """Each once, with who, from where and when; what is only read is not."""
    ada = audited.user("ada")
    local = ada.folder / "local"
    local.write_text("content")
    commands = (
        f'put "{local}" a.txt; get a.txt /dev/null; ls; mkdir d; rename a.txt d/b.txt; '
        f'put "{local}" d/b.txt; hardlink d/b.txt d/c.txt; del d/*; rmdir d'
    )
    assert ada.do("files", commands).status == OK
    assert [
        (REPLACED, "a.txt", ""),
        (AuditAction.CREATED_FOLDER, "d", ""),
        (RENAMED, "a.txt", "d/b.txt"),
        (REPLACED, "d/b.txt", ""),
        (LINKED, "d/b.txt", "d/c.txt"),
        *((DELETED, path, "") for path in ("d/b.txt", "d/c.txt", "d")),
    ] == sorted_deletions(done(audited))
    assert {(("ada",), audited.namespace.address)} == {(e.users, e.address) for e in trail(audited)}
    times = [entry.time for entry in trail(audited)]
    assert sorted(times) == times


def sorted_deletions(found: list[tuple[AuditAction, str, str]]) -> list[tuple[AuditAction, str, str]]:
    """In the order of the paths, the folder last: the client chooses the order of what it lists."""
    deletions = sorted(each for each in found if each[0] is DELETED)
    return [each for each in found if each[0] is not DELETED] + deletions[1:] + deletions[:1]


@pytest.mark.parametrize(
    ("access", "disposition", "action"),
    [
        (READ, CreateDisposition.FILE_OPEN, None),
        (FilePipePrinterAccessMask.FILE_WRITE_ATTRIBUTES, CreateDisposition.FILE_OPEN, None),
        (DELETE, CreateDisposition.FILE_OPEN, None),
        (FilePipePrinterAccessMask.FILE_WRITE_DATA, CreateDisposition.FILE_OPEN, OPENED),
        (FilePipePrinterAccessMask.FILE_APPEND_DATA, CreateDisposition.FILE_OPEN, OPENED),
        (FilePipePrinterAccessMask.GENERIC_WRITE, CreateDisposition.FILE_OPEN, OPENED),
        (FilePipePrinterAccessMask.GENERIC_ALL, CreateDisposition.FILE_OPEN, OPENED),
        (FilePipePrinterAccessMask.MAXIMUM_ALLOWED, CreateDisposition.FILE_OPEN, OPENED),
        (READ, CreateDisposition.FILE_OPEN_IF, OPENED),
        (READ, CreateDisposition.FILE_OVERWRITE, REPLACED),
        (READ, CreateDisposition.FILE_OVERWRITE_IF, REPLACED),
        (READ, CreateDisposition.FILE_SUPERSEDE, REPLACED),
    ],
)
def test_what_may_write_is_recorded(
    audited: Tenant, access: int, disposition: int, action: AuditAction | None
) -> None:
    """By the rights that the client asks for, and by what opening does."""
    ada = audited.user("ada")
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        make(tree, "f").close()
        open_file(tree, "f", access, disposition=disposition).close()
    assert [(CREATED, "f", ""), *([(action, "f", "")] if action else [])] == done(audited)


def test_a_file_that_is_deleted_when_it_is_closed_is_recorded(audited: Tenant) -> None:
    """With what is in it: its stream is deleted too."""
    ada = audited.user("ada")
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        make(tree, "f:stream").close()
        open_file(tree, "f", DELETE, disposition=FOUND, options=CreateOptions.FILE_DELETE_ON_CLOSE).close()
    assert [(CREATED, "f:stream", ""), (DELETED, "f:stream", ""), (DELETED, "f", "")] == done(audited)


def test_whoever_is_refused_leaves_no_entry(audited: Tenant) -> None:
    """Neither who has no access nor who may only read."""
    ada, bob = audited.user("ada"), audited.user("bob", "ro")
    audited.deny("ada")
    assert ada.put("files", "a", b"x").status == "NT_STATUS_ACCESS_DENIED"
    assert bob.put("files", "b", b"x").status != OK
    assert bob.do("files", "ls").status == OK
    assert [] == done(audited)


# ---- who


def test_two_users_of_one_connection_are_told_apart(audited: Tenant) -> None:
    """Each file is of whoever opened it."""
    ada, bob = audited.user("ada"), audited.user("bob")
    with ada.negotiated() as shared:
        trees = [user.tree(user.log_in(shared), "files") for user in (ada, bob)]
        for number, tree in enumerate((*trees, *trees)):
            make(tree, f"f{number}").close()
    who = [(entry.path, entry.users) for entry in trail(audited)]
    assert [("f0", ("ada",)), ("f1", ("bob",)), ("f2", ("ada",)), ("f3", ("bob",))] == who


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("ada@example.com", "ADA@example.COM"),
        ("Max Müller", "max MÜLLER"),
        ("Max Müller", forms_of("Max Müller")[1]),
        ("it's $me", "it's $me"),
        ("computer$", "computer$"),
        ("株式会社", "株式会社"),
        ("100%U", "100%u"),
        ("a.b-c_d", "A.b-C_d"),
        ("ü" * 140, "Ü" * 140),
    ],
)
def test_odd_names_are_told(audited: Tenant, name: str, typed: str) -> None:
    """As the record has them, however the client types them."""
    client = evolve(audited.user(name), user=typed)
    with client.connection() as session:
        make(client.tree(session, "files"), "f").close()
    assert [(str(UserName(name)),)] == [entry.users for entry in trail(audited)]


def test_names_that_the_log_does_not_tell_apart_are_both_told(audited: Tenant) -> None:
    """Honestly: it was one of them."""
    audited.user("möller")
    assert audited.user("müller").put("files", "f", b"x").status == OK
    assert [("möller", "müller")] == [entry.users for entry in trail(audited)]


def test_a_client_with_an_ipv6_address_is_told(
    site: Site, new_server: NewServer, client_on: NewClient
) -> None:
    bridge = site.new_bridge()
    server = new_server("six", bridge=bridge, addresses=["fd00:5::5/64"])
    site.host.shares.set("six", "files", audit=True)
    ada = site.smb(client_on(bridge, "fd00:5::9/64"), "fd00:5::5", "ada", site.allow("six", "files", "ada"))
    assert ada.put("files", "f", b"x").status == OK

    def addresses() -> list[str]:
        return [entry.address for entry in site.host.shares.audit(str(server.name), "files")]

    assert until(lambda: addresses() == ["fd00:5::9"])


# ---- what clients cannot do


@pytest.mark.parametrize("odd", [*map(chr, range(1, 32)), "|", "\x7f", "\x85", "\u2028", "%U"])
def test_no_name_forges_a_line_or_a_field(audited: Tenant, odd: str) -> None:
    """Of a file, a stream, a folder, or as the target of a renaming: refused, or one entry with that name."""
    ada = audited.user("ada")
    forged = f"x{odd}shares-audit{odd}y"
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        kept = make(tree, "kept", DELETE | READ)
        answers = [
            nt_status(lambda: make(tree, forged).close()),
            nt_status(lambda: make(tree, f"{forged}d", READ, FOLDER).close()),
            nt_status(lambda: make(tree, f"kept:{forged}").close()),
            nt_status(lambda: rename(kept, f"{forged}2")),
        ]
    if odd in "|" or odd < " ":
        assert {OK} != set(answers)
        accepted = answers.count(OK)
    else:
        assert [OK] * 4 == answers
        accepted = 4
    found = trail(audited)
    assert accepted + 1 == len(found)
    assert all(entry.users == ("ada",) and entry.address == audited.namespace.address for entry in found)


def test_long_paths_are_told_whole(audited: Tenant) -> None:
    """Also those that Samba breaks into several lines."""
    ada = audited.user("ada")
    with ada.connection() as session:
        tree = ada.tree(session, "files")
        path = ""
        for _ in range(19):
            path = f"{path}{'n' * 200}\\"
            make(tree, path[:-1], READ, FOLDER).close()
        opened = make(tree, f"{path}f", DELETE | READ)
        rename(opened, f"{path}g")
        opened.close()
    *_, created, renamed = done(audited)
    whole = path.replace("\\", "/")
    assert ((CREATED, f"{whole}f", ""), (RENAMED, f"{whole}f", f"{whole}g")) == (created, renamed)


# ---- kept


def _stop_and_start(tenant: Tenant) -> None:
    tenant.site.host.servers.stop(tenant.server)
    tenant.site.host.servers.start(tenant.server)


def _demand_more(tenant: Tenant) -> None:
    tenant.site.host.servers.set(tenant.server, encryption=Encryption.DESIRED)
    tenant.site.host.servers.set(tenant.server, encryption=Encryption.REQUIRED)


def _die(tenant: Tenant) -> None:
    with closing(docker.from_env()) as client:
        client.containers.get(f"shares-{tenant.server_id}").kill()
    tenant.site.host.fleet.reconcile()


def _turn_off(tenant: Tenant) -> None:
    tenant.site.host.shares.set(tenant.server, "files", audit=False)


@pytest.mark.parametrize("change", [_stop_and_start, _demand_more, _die, _turn_off])
def test_a_trail_outlives_its_container(audited: Tenant, change: Callable[[Tenant], None]) -> None:
    """Whatever replaces it, what was done until then is kept, and nothing is said to be missing."""
    ada = audited.user("ada")
    assert ada.put("files", "before", b"x").status == OK
    settle(audited)
    change(audited)
    assert until(lambda: ada.put("files", "after", b"x").status == OK)
    paths = [entry.path for entry in trail(audited)]
    assert ["before", *([] if change is _turn_off else ["after"])] == paths


def test_what_is_lost_with_a_container_is_told(audited: Tenant) -> None:
    """If somebody else removes it, with its log, the trail says that it is incomplete."""
    ada = audited.user("ada")
    assert ada.put("files", "kept", b"x").status == OK
    assert [(REPLACED, "kept", "")] == done(audited)
    assert ada.put("files", "lost", b"x").status == OK
    with closing(docker.from_env()) as client:
        client.containers.get(f"shares-{audited.server_id}").remove(force=True)
    audited.site.host.fleet.reconcile()
    assert until(lambda: ada.put("files", "after", b"x").status == OK)
    expected = [(REPLACED, "kept", ""), (AuditAction.INCOMPLETE, "", ""), (REPLACED, "after", "")]
    assert expected == done(audited)


def test_a_trail_goes_with_its_share(audited: Tenant) -> None:
    """Those of other shares stay; nothing is left of the last."""
    host = audited.site.host
    host.shares.create(audited.server, "other", Capacity.parse("32MiB"), options=ShareOptions(audit=True))
    ada = audited.user("ada")
    host.access.allow(audited.server, "other", "ada")
    for share in ("files", "other"):
        assert ada.put(share, "f", b"x").status == OK
        assert [(REPLACED, "f", "")] == done(audited, share)
    folder = audited.site.config.state_dir / "audit" / audited.server_id
    host.shares.delete(audited.server, "files")
    assert [(REPLACED, "f", "")] == done(audited, "other")
    assert 1 == sum(path.is_dir() for path in folder.iterdir())
    host.shares.delete(audited.server, "other")
    assert not folder.exists()


def test_only_root_reads_trails(audited: Tenant) -> None:
    """Neither folders nor files are anybody else's to look into."""
    assert audited.user("ada").put("files", "f", b"x").status == OK
    assert trail(audited)
    folder = audited.site.config.state_dir / "audit"
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in (folder, *folder.rglob("*"))}
    assert {(True, 0o700), (False, 0o600)} == modes


def test_the_log_for_people_has_no_audit(audited: Tenant) -> None:
    """Otherwise nobody would find a refused login."""
    ada = audited.user("ada")
    assert ada.put("files", "f", b"x").status == OK
    assert evolve(ada, password="wrong").do("files", "ls").status == "NT_STATUS_LOGON_FAILURE"
    settle(audited)
    texts = [line.text for line in audited.site.host.servers.log(audited.server)]
    assert any("ada" in text for text in texts)
    assert not any("shares-audit" in text for text in texts)


# ---- the service


def test_the_service_keeps_trails_by_itself(audited: Tenant) -> None:
    """Nobody asks, and what was done is kept on the host within seconds, also what comes later."""
    ada = audited.user("ada")
    with watching(audited.site):
        for number in range(3):
            assert ada.put("files", f"f{number}", b"x").status == OK
            assert until(lambda count=number: kept_on_the_host(audited) == count + 1, _SECONDS)  # type: ignore[misc]
