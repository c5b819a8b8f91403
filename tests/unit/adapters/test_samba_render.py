"""Samba's rendered files."""

from __future__ import annotations

from attrs import evolve
from tests.contracts.operations import SERVED, in_status
from tests.unit.adapters.values import SERVER, SHARE

from shares_core.adapters.samba.profile import connections_within
from shares_core.adapters.samba.render import (
    render_bins,
    render_group,
    render_passwd,
    render_smb_conf,
    render_smbpasswd,
)
from shares_core.domain.access import AccessRule
from shares_core.domain.capacity import GIB, MIB, Capacity
from shares_core.domain.names import ShareName, UserName
from shares_core.domain.options import RecycleBin, ShareOptions, TimeMachine
from shares_core.domain.protection import Dialect, Encryption, Protection
from shares_core.domain.secret import PasswordHash
from shares_core.domain.share import FileSystemKind, ShareStatus


def _section(text: str, name: str) -> dict[str, str]:
    _, _, rest = text.partition(f"[{name}]\n")
    lines = rest.split("\n[", 1)[0].splitlines()
    return dict(line.strip("\t").split(" = ", 1) for line in lines if line.strip())


def test_a_share_admits_those_who_have_a_rule_and_lets_writers_write() -> None:
    """valid users has everybody with a rule, write list those with rw; the others may read."""
    section = _section(render_smb_conf(SERVER), "R&D 2026")
    assert '"<10000>", "<10001>"' == section["valid users"]
    assert '"<10000>"' == section["write list"]
    assert ("yes", "no") == (section["read only"], section["guest ok"])
    assert f"/shares/{SHARE.id}/data" == section["path"]


def test_without_a_writer_the_write_list_is_empty() -> None:
    """The section still has it: otherwise a process that serves the share would keep the former list."""
    share = SHARE.with_rules((AccessRule.for_user("bob", "ro"),))
    without = _section(render_smb_conf(SERVER.with_share(share)), "R&D 2026")
    assert "" == without["write list"]
    assert _section(render_smb_conf(SERVER), "R&D 2026").keys() == without.keys()


def test_a_share_offers_backups_to_macs_if_its_record_says_so() -> None:
    """With its limit in bytes; 0 is none. The parameters are always there."""
    told = []
    for offered in (None, TimeMachine(), TimeMachine(Capacity(3 * GIB))):
        server = SERVER.with_share(evolve(SHARE, options=ShareOptions(time_machine=offered)))
        section = _section(render_smb_conf(server), "R&D 2026")
        told.append((section["fruit:time machine"], section["fruit:time machine max size"]))
    assert [("no", "0"), ("yes", "0"), ("yes", str(3 * GIB))] == told


def test_deleted_files_pass_the_recycle_bin_after_all_else() -> None:
    """It does not know streams, which must not reach it. Only what finds snapshots is nearer to the files."""
    told = []
    for options in (ShareOptions(), ShareOptions(recycle_bin=RecycleBin(7))):
        text = render_smb_conf(SERVER.with_share(evolve(SHARE, options=options)))
        told.append(_section(text, "R&D 2026")["vfs objects"])
        assert ".recycle" == _section(text, "global")["recycle:repository"]
    assert ["fruit streams_xattr shadow_copy2", "fruit streams_xattr recycle shadow_copy2"] == told


def test_the_list_of_bins_has_each_share_that_has_or_had_one() -> None:
    """With how long files are kept, and what is to be gone, in seconds. An unmounted share is left out."""
    kept = evolve(SHARE, options=ShareOptions(recycle_bin=RecycleBin(7)))
    folder = f"/shares/{SHARE.id}/data"
    for share, line in (
        (SHARE, ""),
        (kept, f"604800 0 {folder}\n"),
        (SHARE.with_bin_cleared(1_796_000_000), f"0 1796000000 {folder}\n"),
        (kept.with_bin_cleared(1_796_000_000), f"604800 1796000000 {folder}\n"),
        (evolve(kept, rules=()), f"604800 0 {folder}\n"),
        (in_status(kept, ShareStatus.CHECKING), ""),
        (in_status(kept, ShareStatus.FAILED), ""),
    ):
        assert line == render_bins(SERVER.with_share(share))


def test_what_is_promised_on_an_xfs_can_be_written() -> None:
    told = {}
    for kind in FileSystemKind:
        volume = evolve(SHARE.volume, filesystem=evolve(SHARE.filesystem, kind=kind))
        server = SERVER.with_share(evolve(SHARE, volume=volume))
        told[kind] = _section(render_smb_conf(server), "R&D 2026")["strict allocate"]
    assert {FileSystemKind.EXT4: "no", FileSystemKind.XFS: "yes"} == told


def test_smbd_reads_no_whole_folder_where_the_file_system_folds_case() -> None:
    told = {}
    for case_fold in (False, True):
        filesystem = evolve(SHARE.filesystem, kind=FileSystemKind.EXT4, case_fold=case_fold)
        server = SERVER.with_share(evolve(SHARE, volume=evolve(SHARE.volume, filesystem=filesystem)))
        told[case_fold] = _section(render_smb_conf(server), "R&D 2026")["case sensitive"]
    assert {False: "no", True: "yes"} == told


def test_a_hidden_share_is_not_listed() -> None:
    share = evolve(SHARE, name=ShareName("old$"))
    assert "no" == _section(render_smb_conf(SERVER.with_share(share)), "old$")["browseable"]
    assert "yes" == _section(render_smb_conf(SERVER), "R&D 2026")["browseable"]


def test_a_share_without_a_rule_has_no_section() -> None:
    """An empty list of users would admit everybody."""
    assert "[R&D" not in render_smb_conf(SERVER.with_share(SHARE.with_rules(())))


def test_only_a_ready_share_has_a_section() -> None:
    """Or one of which a snapshot is taken. Other shares are not served."""
    served = {
        status: "[R&D" in render_smb_conf(SERVER.with_share(in_status(SHARE, status)))
        for status in ShareStatus
    }
    assert {status: status in SERVED for status in ShareStatus} == served


def test_the_global_section_is_closed_by_default() -> None:
    """SMB3 with encryption, no guests, no anonymous access, no links, no NetBIOS, no printers."""
    section = _section(render_smb_conf(SERVER), "global")
    expected = {
        "server min protocol": "SMB3_00",
        "server smb encrypt": "required",
        "map to guest": "never",
        "restrict anonymous": "2",
        "smb3 unix extensions": "no",
        "follow symlinks": "no",
        "wide links": "no",
        "disable netbios": "yes",
        "load printers": "no",
    }
    assert expected == {key: section[key] for key in expected}


def test_a_server_on_several_networks_has_no_multichannel() -> None:
    """It would tell clients of one network the server's addresses on the others.

    With encryption required it does not work, and is not offered.
    """
    relaxed = SERVER.protected(Protection(Encryption.DESIRED))
    twice = evolve(relaxed, interfaces=relaxed.interfaces * 2)
    parameter = "server multi channel support"
    told = [_section(render_smb_conf(each), "global")[parameter] for each in (SERVER, relaxed, twice)]
    assert ["no", "yes", "no"] == told


def test_a_server_demands_what_its_record_says() -> None:
    """Encryption and the oldest protocol; signing always."""
    demands = {}
    for each in (Protection(), Protection(Encryption.DESIRED, Dialect.SMB2_10)):
        section = _section(render_smb_conf(SERVER.protected(each)), "global")
        demands[each] = (
            section["server smb encrypt"],
            section["server min protocol"],
            section["server signing"],
        )
    assert demands == {
        Protection(): ("required", "SMB3_00", "mandatory"),
        Protection(Encryption.DESIRED, Dialect.SMB2_10): ("desired", "SMB2_10", "mandatory"),
    }


def test_a_server_has_a_netbios_name_of_its_own() -> None:
    """Of at most 15 characters, and made of its id: Samba makes the ServerGuid of it."""
    names = {
        _section(render_smb_conf(evolve(SERVER, id=each)), "global")["netbios name"]
        for each in ("0123456789ab", "0123456789ac")
    }
    assert {"SRV0123456789AB", "SRV0123456789AC"} == names


def test_every_account_has_its_own_unix_account() -> None:
    """passwd holds smbd's account, Samba's guest account and each user, with different ids."""
    ids = {line.split(":")[0]: line.split(":")[2] for line in render_passwd(SERVER).splitlines()}
    assert {"shares": "2000007", "<guest>": "65534", "<10000>": "10000", "<10001>": "10001"} == ids
    assert "shares:x:2000007:\nnogroup:x:65534:\n" == render_group(SERVER)


def test_an_account_without_a_hash_cannot_log_in() -> None:
    """smbpasswd holds the accounts that have a hash, in smbpasswd(5)'s form, and no others."""
    hashes = {UserName("ada"): PasswordHash("A" * 32, 0x65000000), UserName("eve"): PasswordHash("E" * 32, 1)}
    expected = f"<10000>:10000:{'X' * 32}:{'A' * 32}:[U          ]:LCT-65000000:\n"
    assert expected == render_smbpasswd(SERVER.accounts, hashes)


def test_connections_are_bounded_by_the_servers_own_limits() -> None:
    """A connection is a process and some memory: half of the processes and three quarters of the memory."""
    assert "512" == _section(render_smb_conf(SERVER, 512), "global")["max smbd processes"]
    assert (192, 512, 32, 12) == (
        connections_within(Capacity(1 * GIB), 1024),
        connections_within(Capacity(8 * GIB), 1024),
        connections_within(Capacity(1 * GIB), 64),
        connections_within(Capacity(64 * MIB), 64),
    )
