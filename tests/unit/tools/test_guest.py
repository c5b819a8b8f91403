"""The guest of `./dev integration-host`: what it is made of, is told to do, and is judged by."""

from __future__ import annotations

import json
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from tools.guest import inside
from tools.guest.machine import boot, qemu_command
from tools.guest.payload import pack_tree, tree_files
from tools.guest.plan import (
    BOOTS,
    BOOTS_OF_ALL,
    CUT,
    SETUP,
    WHOLE,
    Phase,
    boots_for,
    counts,
    ended,
    faults,
    left_out,
    missing_folders,
    orders_for,
    phases_of,
)
from tools.guest.recipe import FILES, LINKS, Recipe, download_arguments, requirements_of
from tools.guest.steps import last_lines

ROOT = Path(__file__).parents[3]
RECIPE = Recipe(requirements=("attrs",), steps="first this")
ALL = dict.fromkeys(
    ("volumes", "suite", "before-reboot", "after-reboot", "clock", "before-cut", "after-cut"), 0
)
LEFT = [name for phase in phases_of(*BOOTS) for name in phase.results]


# ---- the recipe ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"requirements": ("attrs>=24",)},
        {"steps": "first that"},
        {"suite": "sid"},
        {"packages": ("systemd",)},
        {"emulator": ("qemu-system-x86",)},
        {"files": {**FILES, "etc/hostname": "other\n"}},
        {"links": {}},
        {"disk_bytes": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_recipe_is_another_version(change: dict[str, Any]) -> None:
    """Whatever changes in it, and it alone: an equal recipe finds the system that was made."""
    assert RECIPE.version == Recipe(requirements=("attrs",), steps="first this").version
    assert RECIPE.version != evolve(RECIPE, **change).version


def test_the_guest_gets_what_the_tests_import_and_what_installs_the_project() -> None:
    """Dependencies, development tools, and what pip would fetch to build."""
    pyproject = {
        "project": {"dependencies": ["attrs>=24.2"], "optional-dependencies": {"dev": ["pytest>=8.3"]}},
        "build-system": {"requires": ["hatchling>=1.27"]},
    }
    expected = ("attrs>=24.2", "pytest>=8.3", "hatchling>=1.27", "editables")
    assert expected == requirements_of(pyproject)


def test_wheels_are_fetched_for_the_guests_python() -> None:
    """Whichever Python runs pip; and never sources, which that Python could not build."""
    arguments = " ".join(download_arguments(("attrs", "rich>=13"), "3.13", "/root/wheels"))
    for part in (
        "--dest /root/wheels ",
        "--only-binary :all: --python-version 3.13 --implementation cp ",
        "--abi cp313 --abi abi3 --abi none ",
        "--platform manylinux_2_17_x86_64 ",
        "--platform any attrs rich>=13",
    ):
        assert part in arguments


def test_the_runners_unit_is_enabled_and_starts_what_there_is() -> None:
    """The link leads to the unit, and the unit to the script, under its own name."""
    (wanted,) = (name for name in LINKS if "multi-user.target.wants" in name)
    unit = (Path(wanted).parent / LINKS[wanted]).as_posix().replace("multi-user.target.wants/../", "")
    assert f"python /host/{Path(inside.__file__).name}\n" in FILES[unit]


# ---- the machine -----------------------------------------------------------------------------------


def test_a_command_is_one_boot_without_network_or_kvm() -> None:
    """A restart of the guest, planned or by a panic, ends QEMU; the disks are those of the run."""
    command = qemu_command(Path("/cache/0a"))
    words = " ".join(command)
    assert "-no-reboot" in command
    for part in (
        "-accel tcg,",
        "-nic none",
        "panic=-1",
        "--mount-proc=/cache/0a/proc chroot /cache/0a qemu-system-x86_64 ",
        "-kernel /guest/vmlinuz -initrd /guest/initrd.img",
        "file=/work/overlay.qcow2,",
        "path=/work/console.log,append=on",
    ):
        assert part in words
    assert "/guest/disk.img" not in words


def test_what_the_guest_says_is_passed_on(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """As bytes, its unfinished lines too; and its end is seen."""
    assert boot(("printf", r"one\ntw\303"), time.monotonic() + 30) is True
    assert b"one\ntw\303" == capfdbinary.readouterr().out


def test_a_guest_that_asks_for_it_is_ended_at_once(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """As when the plug is pulled, wherever the words are torn apart on their way; that is its end."""
    began = time.monotonic()
    script = f"printf '%s' '{CUT[:9]}'; sleep 0.2; echo '{CUT[9:]}'; exec sleep 60"
    assert boot(("sh", "-c", script), time.monotonic() + 30) is True
    assert time.monotonic() - began < 20
    assert CUT.encode() in capfdbinary.readouterr().out


def test_a_guest_that_goes_on_for_too_long_is_ended() -> None:
    """At the deadline, not when it likes."""
    began = time.monotonic()
    assert boot(("sleep", "60"), time.monotonic() + 0.2) is False
    assert time.monotonic() - began < 30


# ---- what goes in ----------------------------------------------------------------------------------


def test_a_tree_that_is_no_checkout_goes_in_without_what_tools_made(tmp_path: Path) -> None:
    """What its .gitignore names stays out, in any folder."""
    for name in ("src/a.py", "src/__pycache__/a.pyc", ".venv/bin/python", "build/a.whl", ".coverage-unit"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".gitignore").write_text(".venv/\n__pycache__/\n/build/\n.coverage*\n")
    assert [".gitignore", "src/a.py"] == tree_files(tmp_path)


def test_an_archive_has_the_trees_links_and_modes_and_is_roots(tmp_path: Path) -> None:
    """A link is not followed, a program stays one, and who owns the checkout means nothing in the guest."""
    tree, archive = tmp_path / "tree", tmp_path / "tree.tar"
    (tree / "bin").mkdir(parents=True)
    (tree / ".gitignore").touch()
    (tree / "bin/program").touch(mode=0o755)
    (tree / "bin/link").symlink_to("nowhere")
    pack_tree(tree, archive)
    with tarfile.open(archive) as packed:
        entries = {entry.name: entry for entry in packed}
    assert [".gitignore", "bin/link", "bin/program"] == list(entries)
    assert 0o755 == entries["bin/program"].mode & 0o777
    assert "nowhere" == entries["bin/link"].linkname
    assert {(0, 0, "root")} == {(entry.uid, entry.gid, entry.uname) for entry in entries.values()}


# ---- the plan --------------------------------------------------------------------------------------


def test_a_run_is_the_suites_both_sides_of_a_reboot_and_of_a_cut_and_the_clock() -> None:
    """In this order, the two suites side by side, each with a JUnit file and coverage."""
    expected = [
        [["volumes", "suite"], ["before-reboot"]],
        [["after-reboot"], ["clock"], ["before-cut"]],
        [["after-cut"]],
    ]
    assert expected == [[[phase.name for phase in stage] for stage in boot] for boot in boots_for((), ROOT)]
    assert LEFT == [
        *("junit-volumes.xml", ".coverage-host-volumes"),
        *("junit-suite.xml", ".coverage-host-suite"),
        *("junit-before-reboot.xml", ".coverage-host-before-reboot"),
        *("junit-after-reboot.xml", ".coverage-host-after-reboot"),
        *("junit-clock.xml", ".coverage-host-clock"),
        *("junit-before-cut.xml", ".coverage-host-before-cut"),
        *("junit-after-cut.xml", ".coverage-host-after-cut"),
    ]


def test_options_go_to_every_phase() -> None:
    """How long, how much to say, when to stop: they are about the whole run."""
    assert {("--durations", "5")} == {
        phase.command[-2:] for phase in phases_of(*boots_for(("--durations", "5"), ROOT))
    }


def test_nothing_is_left_out_in_silence() -> None:
    """What a run does not take in is named, and taken in by the option."""
    named = left_out(BOOTS, ROOT)
    assert "tests/integration/test_deny.py" in named
    assert "tests/integration/attacks/test_floods.py" in named
    assert not {name for name in named if "test_isolation" in name}
    (alone,) = (name for name in named if "lvm" in name)
    assert alone.endswith("[xfs on thin]")
    assert BOOTS_OF_ALL == boots_for((WHOLE,), ROOT)
    assert [] == left_out(BOOTS_OF_ALL, ROOT)


def test_files_that_are_named_run_alone() -> None:
    """Without a reboot, and without coverage, which would be of a part only."""
    arguments = ("tests/unit/tools/test_guest.py::test_x", "-x")
    (((named,),),) = boots_for(arguments, ROOT)
    assert ("junit-suite.xml",) == named.results
    command = (
        "env --chdir=/root/shares_core python -m pytest --verbose --junit-xml=/host/results/junit-suite.xml"
    )
    assert (*command.split(), *arguments) == named.command


def test_a_folders_coverage_is_kept() -> None:
    """Under a name that the coverage session looks for."""
    command = (
        "env --chdir=/root/shares_core coverage run --data-file=/host/results/.coverage-host-x"
        " -m pytest --verbose --junit-xml=/host/results/junit-x.xml tests/x"
    )
    assert tuple(command.split()) == Phase("x", ("tests/x",)).command


def test_tests_that_are_left_out_exist() -> None:
    """Pytest says nothing when a name that it is to leave out is not there."""
    deselected = [
        name for phase in phases_of(*BOOTS, *BOOTS_OF_ALL) for name in phase.arguments if "::" in name
    ]
    assert len(deselected) > 1
    for name in deselected:
        file, _, test = name.partition("::")
        assert f"def {test.partition('[')[0]}(" in (ROOT / file).read_text()


def test_a_folder_without_tests_is_named(tmp_path: Path) -> None:
    """Before anything is made for them."""
    (tmp_path / "tests/integration/lvm").mkdir(parents=True)
    expected = [
        f"tests/system/{folder}"
        for folder in ("reboot/before", "reboot/after", "clock", "powercut/before", "powercut/after")
    ]
    assert expected == missing_folders(BOOTS_OF_ALL, tmp_path)
    assert [] == missing_folders((((Phase("suite", arguments=("tests",)),),),), tmp_path)
    assert [] == missing_folders(BOOTS, ROOT)


def test_only_the_first_boot_sets_up_and_only_the_last_powers_off() -> None:
    """The first restarts, as a machine that its owner reboots; the second waits for its power to be cut."""
    first, second, last = (json.loads(orders_for(BOOTS, number)) for number in range(3))
    assert [True] == [CUT in word for word in second["end"] if "echo" in word]
    assert SETUP.keys() == first["setup"].keys()
    assert ["systemctl", "reboot"] == first["end"]
    assert {} == last["setup"]
    assert ["systemctl", "poweroff", "--force"] == last["end"]
    assert [["volumes", "suite"], ["before-reboot"]] == [list(stage) for stage in first["stages"]]


# ---- inside ----------------------------------------------------------------------------------------


def _carry_out(shared: Path, setup: str) -> dict[str, str]:
    """The statuses that are left by these orders."""
    (shared / "results").mkdir()
    stages = [{"suite": ["sh", "-c", "exit 3"], "volumes": ["true"]}, {"before-reboot": ["true"]}]
    orders = {"environment": {}, "setup": {"set up": [setup]}, "stages": stages, "end": ["true"]}
    (shared / "orders.json").write_text(json.dumps(orders))
    inside.main(shared)
    return {path.name: path.read_text() for path in (shared / "results").iterdir()}


def test_a_phase_that_fails_is_a_result_and_the_next_one_runs(tmp_path: Path) -> None:
    """One run tells all."""
    expected = {"suite.status": "3", "volumes.status": "0", "before-reboot.status": "0"}
    assert expected == _carry_out(tmp_path, setup="true")


def test_no_phase_runs_where_the_set_up_failed(tmp_path: Path) -> None:
    """The runner ends at once, which powers the guest off."""
    with pytest.raises(SystemExit, match=r"^set up failed \(status 1\)$"):
        _carry_out(tmp_path, setup="false")
    assert [] == list((tmp_path / "results").iterdir())


# ---- the judgement ---------------------------------------------------------------------------------


def test_nothing_is_wrong_where_all_passed_and_left_their_results() -> None:
    """Files that nobody asked for do not matter."""
    assert [] == faults(BOOTS, ALL, [*LEFT, "suite.status"], "[   12.3] something else\n")


def test_a_phase_that_failed_is_a_fault() -> None:
    """Whatever it left."""
    expected = ["before-reboot failed (status 1)"]
    assert expected == faults(BOOTS, {**ALL, "before-reboot": 1}, LEFT, "")


def test_a_phase_that_left_no_results_is_a_fault() -> None:
    """Also if it says that it passed: nobody could tell what."""
    left = [name for name in LEFT if "suite" not in name]
    expected = ["suite passed, but left no junit-suite.xml and no .coverage-host-suite"]
    assert expected == faults(BOOTS, ALL, left, "")


def test_a_guest_that_stopped_midway_is_a_fault_in_every_phase_from_there() -> None:
    """A panic restarts the guest, and a restart ends QEMU: no status is written after it."""
    expected = [
        "the guest's kernel panicked",
        "before-reboot did not come to its end",
        "after-reboot did not come to its end",
        "clock did not come to its end",
        "before-cut did not come to its end",
        "after-cut did not come to its end",
    ]
    assert expected == faults(
        BOOTS, {"volumes": 0, "suite": 0}, LEFT, "[  99.1] Kernel panic - not syncing: x\n"
    )


def test_a_boot_has_ended_when_all_its_phases_have() -> None:
    """Failed phases have ended too; the guest is not booted again if one has not."""
    assert ended(BOOTS[0], {"volumes": 0, "suite": 1, "before-reboot": 0}) is True
    assert ended(BOOTS[0], {"suite": 0, "before-reboot": 0}) is False


def test_a_junit_file_in_short() -> None:
    """As pytest writes it."""
    junit = (
        '<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" '
        'errors="0" failures="1" skipped="0" tests="7" time="23.907" timestamp="2026-01-01T00:00:00" '
        'hostname="shares-guest"><testcase classname="x" name="test_x[tests=&quot;9&quot;]" time="0.001" />'
    )
    assert "0 errors, 1 failures, 0 skipped, 7 tests" == counts(junit)


def test_the_end_of_a_log_is_its_last_lines() -> None:
    """All of it if it is short."""
    assert "b\nc" == last_lines("a\nb\nc\n", 2)
    assert "a" == last_lines("a", 2)
