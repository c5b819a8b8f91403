"""Reading smbtorture, judging what became worse, and the page on conformance."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from attrs import evolve
from tools.conformance.page import render
from tools.conformance.reasons import BY_DESIGN, REASONS, TIMING, reason, timing
from tools.conformance.record import PAGE, Record, passed, worse
from tools.conformance.suites import LEFT_OUT, QUICK, RELAXED, chosen
from tools.conformance.torture import Outcome, Result, finished, parse

#: smbtorture 4.17.12.
SAID = """\
smbtorture 4.17.12-Debian
Using seed 1796049400
time: 2026-11-30 14:43:21.000000
test: smb2.lock.valid-request
time: 2026-11-30 14:43:21.120000
success: smb2.lock.valid-request
test: vfs.fruit.OS X AppleDouble file conversion
failure: vfs.fruit.OS X AppleDouble file conversion [
../../source4/torture/vfs/fruit.c:2883: Expression `ret == 1' failed: torture_setup_file failed
]
skip: smb2.lock.rw-none [
../../source4/torture/smb2/lock.c:493: RW-NONE tests the behavior of a NONE-type lock
]
error: smb2.lock.cancel [
Unknown error/failure. Missing torture_fail() or torture_assert_*() call?
]
test: smb2.lock.under-way
"""
PASSED, FAILED, SKIPPED = (Result(outcome) for outcome in Outcome)


def test_each_tests_outcome_is_read() -> None:
    """With the first line of what smbtorture says of a failure; names may hold spaces."""
    fruit = "../../source4/torture/vfs/fruit.c:2883: Expression `ret == 1' failed: torture_setup_file failed"
    assert parse(SAID) == {
        "smb2.lock.valid-request": PASSED,
        "vfs.fruit.OS X AppleDouble file conversion": Result(Outcome.FAILED, fruit),
        "smb2.lock.rw-none": Result(
            Outcome.SKIPPED,
            "../../source4/torture/smb2/lock.c:493: RW-NONE tests the behavior of a NONE-type lock",
        ),
        "smb2.lock.cancel": Result(
            Outcome.FAILED, "Unknown error/failure. Missing torture_fail() or torture_assert_*() call?"
        ),
    }


def test_a_test_without_an_outcome_has_failed() -> None:
    """It was under way when smbtorture ended, or was ended."""
    assert Result(Outcome.FAILED, "it does not end") == finished(SAID)["smb2.lock.under-way"]
    assert parse(SAID).items() < finished(SAID).items()


def test_what_used_to_pass_and_does_not_is_worse() -> None:
    """A failure, a skip and a test that is gone; not one that never passed or depends on timing."""
    timed = next(iter(TIMING)).replace("*", "any")
    names = ("kept", "lost", "skipped", "gone", timed)
    before = {**dict.fromkeys(names, PASSED), "never": FAILED}
    now = {
        "kept": PASSED,
        "lost": Result(Outcome.FAILED, "why"),
        "skipped": SKIPPED,
        "never": FAILED,
        timed: FAILED,
    }
    assert {"lost": "why", "skipped": "", "gone": "it was not run"} == worse(before, now)


def test_suites_that_need_a_person_or_another_server_are_left_out() -> None:
    """With the reason; of others than smb2 only that for Macs is run."""
    listed = ["smb2.lock", *LEFT_OUT, "base.lock", "vfs.fruit", "vfs.acl_xattr", "smb2.acls"]
    assert ["smb2.acls", "smb2.lock", "vfs.fruit"] == chosen(listed)
    assert all(LEFT_OUT.values())


# -- the page


@pytest.fixture(scope="module")
def record() -> Record:
    return Record.load()


def test_the_page_says_what_was_measured(record: Record) -> None:
    """It is made from the results beside it."""
    assert render(record) == PAGE.read_text()


def test_a_record_is_kept_as_it_is(record: Record, tmp_path: Path) -> None:
    record.save(tmp_path / "record.json")
    assert record == Record.load(tmp_path / "record.json")


def test_whatever_fails_here_and_passes_there_has_a_reason(record: Record) -> None:
    """And no reason is for a test that passes."""
    lacking = [test for suite in record.plain for test in record.lacking(suite)]
    assert [] == [test for test in lacking if not reason(test)]
    failing = [
        test
        for suite, results in record.ours.items()
        for test, result in results.items()
        if result.outcome is not Outcome.PASSED
    ]
    assert [] == [pattern for pattern in REASONS if not any(fnmatchcase(test, pattern) for test in failing)]


def test_all_but_ten_of_what_the_plain_one_passes_pass_here(record: Record) -> None:
    """What fails by design apart: access control lists, sessions without encryption and the like."""
    lacking = [test for suite in record.plain for test in record.lacking(suite)]
    left = [test for test in lacking if reason(test) not in BY_DESIGN and not timing(test)]
    assert len(left) <= 10, left


def test_the_same_suites_were_run_on_all_servers(record: Record) -> None:
    """All that are chosen, the quick ones among them."""
    assert record.ours.keys() == record.plain.keys()
    assert set(QUICK) <= record.ours.keys()
    assert set(RELAXED) == record.relaxed.keys()


def test_a_test_that_passes_on_a_relaxed_server_is_not_lacking(record: Record) -> None:
    suites = {"s": {"here": PASSED, "relaxed": PASSED, "nowhere": PASSED, "failed": FAILED}}
    made = evolve(
        record,
        plain=suites,
        ours={"s": {"here": PASSED, "relaxed": FAILED, "nowhere": FAILED, "more": PASSED}},
        relaxed={"s": {"relaxed": PASSED}},
    )
    assert {"nowhere": FAILED} == made.lacking("s")
    assert ["more"] == made.added("s")
    assert 3 == passed(suites["s"])
