from __future__ import annotations

import pytest
from attrs import evolve
from tests.unit.cli.terminal import Terminal

from shares_core.domain.capacity import MIB
from shares_core.domain.share import FileSystemKind
from shares_core.domain.views import RecycledFiles
from shares_core.domain.volume import DEFAULT_POOL, PoolName
from shares_core.testing.smb import MemorySmbFiles

SHARE_KEYS = [
    *("name", "server", "status", "reason", "operation", "capacity_bytes", "capacity", "used_bytes", "used"),
    *(
        "free_bytes",
        "free",
        "files",
        "files_free",
        "running_out",
        "volume_bytes",
        "volume",
        "filesystem",
        "case_fold",
        "pool",
        "acls",
    ),
    *("stream_limit_bytes",),
    *("time_machine", "time_machine_limit_bytes", "recycle_bin_days", "audit"),
    *("recycle_bin_bytes", "recycle_bin_files", "differing"),
    *("snapshots", "export_locations", "locations"),
    "access",
]


def test_the_document_of_a_share(served: Terminal) -> None:
    served.world.host.access.allow("tenant", "files", "ada")
    document = served.ok("share", "show", "tenant", "files", "--json").document
    assert SHARE_KEYS == list(document)
    assert {
        "name": "files",
        "server": "tenant",
        "status": "ready",
        "reason": "",
        "operation": None,
        "capacity_bytes": 64 * MIB,
        "capacity": "64 MiB",
        "used_bytes": 0,
        "used": "0 B",
        "free_bytes": 63 * MIB,
        "free": "63 MiB",
        "files": 0,
        "files_free": 63 * MIB // 4096,
        "running_out": "",
        "volume_bytes": 64 * MIB,
        "volume": "64 MiB",
        "filesystem": "ext4",
        "case_fold": False,
        "pool": "default",
        "acls": "none",
        "stream_limit_bytes": 65535,
        "time_machine": False,
        "time_machine_limit_bytes": None,
        "recycle_bin_days": None,
        "audit": False,
        "recycle_bin_bytes": None,
        "recycle_bin_files": None,
        "differing": [],
        "snapshots": [],
        "export_locations": [r"\\10.254.0.2\files"],
        "locations": [
            {"client": "windows", "location": r"\\10.254.0.2\files"},
            {"client": "linux", "location": "//10.254.0.2/files"},
        ],
        "access": [{"user": "ada", "level": "rw"}],
    } == document


def test_a_share_that_is_not_mounted_has_all_keys(served: Terminal) -> None:
    served.ok("server", "stop", "tenant")
    document = served.ok("share", "show", "tenant", "files", "--json").document
    assert SHARE_KEYS == list(document)
    assert document["used_bytes"] is None
    assert document["free"] is document["files"] is document["files_free"] is None
    assert "used" not in served.ok("share", "show", "tenant", "files").out


def test_a_share_that_folds_case_says_so(served: Terminal) -> None:
    """In text and in its document; with an xfs, or when the kernel cannot, it is refused by name."""
    create = ("share", "create", "tenant", "scans", "--size", "300MiB")
    made = served.ok(*create, "--case-fold")
    assert "filesystem  ext4, which finds names in any case (case_fold)\n" in made.out
    assert served.ok("share", "show", "tenant", "scans", "--json").document["case_fold"] is True
    other = ("share", "create", "tenant", "other", "--size", "300MiB", "--case-fold")
    assert "only ext4 folds case" in served(*other, "--filesystem", "xfs").err
    served.world.machine.case_fold = False
    assert "ext4 does not fold case" in served(*other).err
    assert served("share", "show", "tenant", "other").status


def test_a_share_is_made_in_the_pool_that_is_named(served: Terminal) -> None:
    """The share names it; an unknown pool is not found, and the error lists the configured ones."""
    served.world.machine.pools += (PoolName("fast"),)
    created = served.ok("share", "create", "tenant", "new", "--size", "64MiB", "--pool", "fast", "--json")
    assert "fast" == created.document["pool"]
    assert "fast" in served.ok("share", "show", "tenant", "new").out
    result = served("share", "create", "tenant", "more", "--size", "64MiB", "--pool", "slow")
    assert (3, "") == (result.status, result.out)
    assert "slow" in result.err
    assert "name one that is there: default, fast" in result.err
    result = served("share", "create", "tenant", "new", "--size", "64MiB")
    assert 4 == result.status
    assert "it is in the pool fast, not in default" in result.err


def test_create_says_what_comes_next(served: Terminal) -> None:
    out = served.ok("share", "create", "tenant", "R&D o'b", "--size", "300MiB", "--filesystem", "xfs").out
    assert out.endswith("""access allow tenant 'R&D o'"'"'b' USER\n""")
    assert "filesystem  xfs\n" in out
    assert "access      nobody\n" in out
    assert "windows     \\\\10.254.0.2\\R&D o'b\n" in out


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("tenant", "new", "--size", "0"), 2, "greater than zero"),
        (("tenant", "new", "--size=-1GiB"), 2, "greater than zero"),
        (("tenant", "new", "--size", "1.5"), 2, "not a whole number of bytes"),
        (("tenant", "new", "--size", "1MiB"), 2, "too small for ext4"),
        (("tenant", "new", "--size", "64MiB", "--filesystem", "ntfs"), 2, "not a file system"),
        (("tenant", "global", "--size", "64MiB"), 2, "reserved"),
        (("tenant", "a\nb", "--size", "64MiB"), 2, r"'a\nb' cannot be used"),
        (("tenant", "FILES", "--size", "64MiB"), 4, "in case only"),
        (("tenant", "files", "--size", "65MiB"), 4, "already exists"),
        (("tenant", "new", "--size", "1TiB"), 5, "free"),
        (("nobody", "new", "--size", "64MiB"), 3, "no server 'nobody'"),
    ],
)
def test_bad_input_changes_nothing(
    served: Terminal, arguments: tuple[str, ...], status: int, said: str
) -> None:
    before = dict(served.world.machine.records)
    result = served("share", "create", *arguments)
    assert (status, "") == (result.status, result.out)
    assert said in result.err
    assert before == served.world.machine.records


def test_extend_says_which_way_it_went(served: Terminal) -> None:
    out = served.ok("share", "extend", "tenant", "files", "--size", "128MiB").out
    assert "share files has 128 MiB\nextended online: its clients stayed connected\n" == out
    served.world.machine.online_grow = frozenset[FileSystemKind]()
    out = served.ok("share", "extend", "tenant", "files", "--size", "256MiB").out
    assert "extended offline: its clients' connections were closed for a moment" in out
    document = served.ok("share", "extend", "tenant", "files", "--size", "256MiB", "--json").document
    assert [*SHARE_KEYS, "way"] == list(document)
    assert "unchanged" == document["way"]


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("state", ["stopped", "dead", "killed"])
def test_extend_of_a_server_that_does_not_run_closed_no_connection(
    served: Terminal, state: str, online: bool
) -> None:
    """It says so, and how to start the server."""
    machine = served.world.machine
    if not online:
        machine.online_grow = frozenset[FileSystemKind]()
    if state == "stopped":
        served.ok("server", "stop", "tenant")
    elif state == "dead":
        machine.reboot()
    else:
        machine.kill_container(machine.server_id("tenant"))
    out = served.ok("share", "extend", "tenant", "files", "--size", "128MiB").out
    assert ": nobody was connected\n" in out
    assert "clients" not in out
    assert out.endswith(
        "\nserver tenant does not run\n"
        f"next: shares-core --state-dir {served.state_dir} server start tenant\n"
    )


def test_create_on_a_server_that_does_not_run_says_so(served: Terminal) -> None:
    out = served.ok("share", "create", "tenant", "more", "--size", "64MiB").out
    assert "does not run" not in out
    served.ok("server", "stop", "tenant")
    out = served.ok("share", "create", "tenant", "other", "--size", "64MiB").out
    assert "server tenant does not run\n" in out
    assert " server start tenant\n" in out
    assert out.splitlines()[-1].endswith("access allow tenant other USER")


def test_an_empty_list_reports_unreadable_records(terminal: Terminal) -> None:
    """An unreadable record may have shares."""
    damaged = terminal.world.host.servers.create("damaged").server
    assert "there are no shares yet\n" == terminal.ok("share", "list").out
    terminal.world.machine.damage_record(damaged.id)
    result = terminal("share", "list")
    assert (7, "there are no shares in the records that can be read\n") == (result.status, result.out)
    assert result.err.startswith("error: the record ")


def test_a_share_is_not_made_smaller(served: Terminal) -> None:
    result = served("share", "extend", "tenant", "files", "--size", "32MiB")
    assert (2, "") == (result.status, result.out)


def test_list_and_delete(served: Terminal) -> None:
    served.ok("share", "create", "tenant", "more", "--size", "64MiB")
    assert ["files", "more"] == [s["name"] for s in served.ok("share", "list", "--json").document]
    document = served.ok("share", "delete", "tenant", "files", "--json").document
    assert {"server": "tenant", "share": "files", "deleted": True} == document
    lines = served.ok("share", "list", "tenant").out.splitlines()
    assert ["SERVER", "tenant"] == [line.split()[0] for line in lines]
    assert 3 == served("share", "list", "nobody").status


def test_a_share_shows_the_size_of_a_larger_volume(served: Terminal) -> None:
    """Both sizes if they differ; only the capacity if the volume or the pool is missing."""
    served.world.machine.granularity = 4 * MIB
    assert "size        65 MiB, on a volume of 68 MiB\n" in (
        served.ok("share", "create", "tenant", "odd", "--size", "65MiB").out
    )
    shown = served.ok("share", "show", "tenant", "odd", "--json").document
    assert (65 * MIB, "65 MiB", 68 * MIB, "68 MiB") == (
        *(shown["capacity_bytes"], shown["capacity"]),
        *(shown["volume_bytes"], shown["volume"]),
    )
    assert "size        64 MiB\n" in served.ok("share", "show", "tenant", "files").out
    served.world.machine.volumes.clear()
    assert "size        65 MiB\n" in served.ok("share", "show", "tenant", "odd").out
    shown = served.ok("share", "show", "tenant", "odd", "--json").document
    assert (None, None, 65 * MIB) == (shown["volume_bytes"], shown["volume"], shown["capacity_bytes"])
    served.world.machine.lost_pools.add(DEFAULT_POOL)
    (_, listed) = served.ok("share", "list", "--json").document
    assert shown == listed


def test_a_share_for_time_machine_says_so(served: Terminal) -> None:
    """With its limit, which cannot exceed the share."""
    size = ("--size", "64MiB", "--time-machine")
    served.ok("share", "create", "tenant", "backups", *size, "--limit", "32MiB")
    assert "--time-machine --time-machine-limit 32MiB" in served.ok("share", "show", "tenant", "backups").out
    document = served.ok("share", "show", "tenant", "backups", "--json").document
    assert (True, 32 << 20) == (document["time_machine"], document["time_machine_limit_bytes"])
    served.ok("share", "create", "tenant", "backups", "--size", "64MiB")  # it fits
    for arguments, said in (
        ((*size, "--limit", "65MiB"), "backups may not take 65 MiB of a share of 64 MiB"),
        (("--size", "64MiB", "--limit", "1MiB"), "--time-machine-limit is for the backups of --time-machine"),
        (size, "its options differ from those asked for"),
    ):
        result = served("share", "create", "tenant", "backups", *arguments)
        assert said in result.err
        assert result.status != 0


def test_a_share_tells_how_large_its_streams_may_be(served: Terminal) -> None:
    """On a volume of a former release, less."""
    assert "up to 64 KiB each" in served.ok("share", "show", "tenant", "files").out
    world = served.world
    server = world.record("tenant")
    share = server.share("files")
    former = evolve(share, volume=evolve(share.volume, large_attributes=False))
    world.machine.records[server.id] = server.with_share(former)
    assert "about 4 KiB for all of a file" in served.ok("share", "show", "tenant", "files").out
    assert 4096 == served.ok("share", "show", "tenant", "files", "--json").document["stream_limit_bytes"]


def test_options_are_the_same_to_create_and_to_set(served: Terminal) -> None:
    """What show says can be given again, to either; what is not named stays."""
    given = ("--recycle-bin", "14", "--audit")
    served.ok("share", "create", "tenant", "new", "--size", "64MiB", *given)
    served.ok("share", "set", "tenant", "files", "--audit")
    served.ok("share", "set", "tenant", "files", "--recycle-bin", "14")
    for share in ("new", "files"):
        assert "options     --recycle-bin 14 --audit\n" in served.ok("share", "show", "tenant", share).out
        document = served.ok("share", "show", "tenant", share, "--json").document
        assert (14, True, ["recycle_bin", "audit"]) == (
            document["recycle_bin_days"],
            document["audit"],
            document["differing"],
        )


def test_show_counts_what_the_recycle_bin_holds(served: Terminal) -> None:
    """If its server says so; list does not ask."""
    asked = ("share", "show", "tenant", "files")
    served.ok("share", "set", "tenant", "files", "--recycle-bin")
    assert "bin         0 files, 0 B\n" in served.ok(*asked).out
    served.world.content().recycled += [bytes(1 << 20), bytes(1 << 20)]
    assert "bin         2 files, 2 MiB\n" in served.ok(*asked).out

    def told(*command: str) -> tuple[object, object]:
        document = served.ok(*command, "--json").document
        (share,) = document if isinstance(document, list) else (document,)
        return share["recycle_bin_files"], share["recycle_bin_bytes"]

    assert ((2, 2 << 20), (None, None)) == (told(*asked), told("share", "list", "tenant"))
    served.ok("server", "stop", "tenant")
    assert "bin         its server does not say what it holds\n" in served.ok(*asked).out
    assert (None, None) == told(*asked)
    served.ok("share", "set", "tenant", "files", "--no-recycle-bin")
    assert "bin  " not in served.ok(*asked).out


def test_a_bin_that_nothing_empties_is_told(served: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server runs an image of a former release; set and show say what to do."""
    monkeypatch.setattr(MemorySmbFiles, "recycled", lambda *_: RecycledFiles(0, 0, emptied=False))
    for command in (("set", "tenant", "files", "--recycle-bin"), ("show", "tenant", "files")):
        assert " server upgrade tenant\n" in served.ok("share", *command).out


def test_a_preset_sets_every_option_and_others_win(served: Terminal) -> None:
    served.ok("share", "set", "tenant", "files", "--preset", "archive", "--recycle-bin", "90")
    assert "--recycle-bin 90 --audit" in served.ok("share", "show", "tenant", "files").out
    served.ok("share", "set", "tenant", "files", "--preset", "mac")
    assert "options     --recycle-bin 30\n" in served.ok("share", "show", "tenant", "files").out
    said = served.ok("share", "set", "tenant", "files", "--preset", "default").out
    assert "share files has the default options\n" == said
    assert "options" not in served.ok("share", "show", "tenant", "files").out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "say what to set"),
        (("--preset", "nothing"), "'nothing' is not a preset"),
        (("--preset", "scanner"), "scanner is a preset of servers, not of shares"),
        (("--recycle-bin", "0"), "1 to 3650 days, not for 0"),
        (("--recycle-bin", "9999999999999"), "1 to 3650 days"),
        (("--recycle-bin", "a week"), "takes a number of days"),
        (("--recycle-bin", "1", "--no-recycle-bin"), "not both"),
        (("--time-machine-limit", "1MiB"), "is for the backups of --time-machine"),
        (("--time-machine", "--limit", "1TiB"), "backups may not take 1 TiB"),
        (("--time-machine", "--recycle-bin"), "a share for Time Machine has no recycle bin"),
    ],
)
def test_bad_options_change_nothing(served: Terminal, given: tuple[str, ...], said: str) -> None:
    before = served.world.record("tenant")
    result = served("share", "set", "tenant", "files", *given)
    assert (2, True) == (result.status, said in result.err), result.err
    assert before == served.world.record("tenant")
