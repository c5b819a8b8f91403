"""The page, which is a record of the campaigns' last runs, and how runs are kept."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.reliability.kills import MOMENTS, Kill, spread
from tools.guest.plan import Boot
from tools.reliability import campaigns, guest, results
from tools.reliability.campaigns import CAMPAIGNS, Named
from tools.reliability.guest import GUEST_CAMPAIGNS, seeds
from tools.reliability.history import CODE, HistoryError, commit_of_code, commits_since
from tools.reliability.record import PAGE, Record
from tools.reliability.results import ROOT, Store
from tools.reliability.running import ran, told_of

#: The least number of operations of each campaign.
LEAST = {
    "kills": 400,
    "callers": 8 * 2000,
    "soak": 6 * 1000,
    "watch": 20,
    "upgrade": 20,
    "reconcile": 20,
    "reconcile-one": 20,
    "volumes-1": 130,
    "volumes-2": 130,
    "volumes-3": 130,
    "cuts": 3 * 20,
}
#: The least values of other counts: of the kills, all but those of too short calls.
COUNTED = {
    "kills": {"kills": 400},
    "callers": {"written": 100},
    "soak": {"cycles": 1000},
    "volumes-1": {"kills": 130},
    "volumes-2": {"kills": 130},
    "volumes-3": {"kills": 130},
    "cuts": {"cuts": 3, "written": 100},
}
#: On two processors; each server's stop and start keeps more than one of them busy.
OVERLAP = 1.25
#: A look is repeated every minute, so its median counts; for servers that are away, the longest time counts.
GOALS = {"watch": "longest", "upgrade": "longest", "reconcile": "median", "reconcile-one": "median"}
RUN = {"date": "2026-01-01", "commit": "abcdef0", "seed": 7}
DONE = {"done": True, "failures": [], "losses": 0} | RUN
RECORD = Record(
    {
        "kills": {"shows": "a process is killed", "operations": 1399, "kills": 1399} | DONE,
        "soak": {"shows": "nothing grows", "failures": ["mounts grew by 3", "a|b"], "done": False} | RUN,
        "watch": {
            "shows": "a container is killed",
            "operations": 20,
            "median": 0.9,
            "longest": 1.25,
            "goal": 2,
            **DONE,
        },
        "upgrade": {"shows": "another image", "operations": 20, "longest": 1.5, "goal": 1.5}
        | DONE
        | {"failures": ["away"]},
    },
)


def test_the_page_says_what_the_results_say() -> None:
    """Whatever the code is by now; ``./dev record`` writes it again from them."""
    assert Record.load().page == PAGE.read_text()


def test_the_record_has_no_loss_and_only_complete_campaigns() -> None:
    """Large enough, and within their goals."""
    told = Record.load().campaigns
    assert list(LEAST) == list(told)
    assert {(0, True)} == {(campaign["losses"], campaign["done"]) for campaign in told.values()}
    assert [] == [name for name, campaign in told.items() if campaign["failures"]]
    assert [] == [name for name, campaign in told.items() if campaign["operations"] < LEAST[name]]
    assert [] == [
        (name, what, told[name])
        for name, least in COUNTED.items()
        for what, count in least.items()
        if told[name][what] < count
    ]
    assert GOALS.keys() == {name for name, campaign in told.items() if "goal" in campaign}
    assert [] == [name for name, judged in GOALS.items() if told[name][judged] >= told[name]["goal"]]
    assert told["callers"]["overlap"] > OVERLAP


def test_every_campaign_is_in_the_record() -> None:
    """None can be left out unnoticed."""
    assert list(LEAST) == [campaign.name for campaign in (*CAMPAIGNS, *GUEST_CAMPAIGNS)]


def test_the_page_has_a_row_for_each_campaign() -> None:
    """With its own figures, whatever its runs have found, and the code that they are about."""
    rows = [line.removesuffix(" | `abcdef0`, 2026-01-01, 7 |") for line in RECORD.page.splitlines()]
    assert "| kills | a process is killed | 1,399 | 1,399 kills | 0" in rows
    assert "| watch | a container is killed | 20 | median 0.9 s, longest 1.25 s, goal 2 s | 0" in rows
    assert "| soak | nothing grows |  | FAILED: mounts grew by 3, FAILED: a/b | at least 1" in rows
    assert "| upgrade | another image | 20 | longest 1.5 s, goal 1.5 s, FAILED: away | at least 1" in rows


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    RECORD.save(tmp_path / "a.json")
    assert RECORD == Record.load(tmp_path / "a.json")


def test_a_run_of_one_campaign_leaves_what_the_record_says_of_the_others() -> None:
    """Without what only the store keeps; campaigns that do not exist any more are left out."""
    kept = {"operations": 2, "kills": 2, "died": {"one": True}, "commit": "1234567", "seed": 8}
    results = [("kills", "a process ends", kept), ("soak", "nothing grows", {}), ("cuts", "power", {})]
    assert RECORD.with_results("2026-01-02", results).campaigns == {
        "kills": {
            "shows": "a process ends",
            "date": "2026-01-02",
            "operations": 2,
            "kills": 2,
            "commit": "1234567",
            "seed": 8,
        },
        "soak": RECORD.campaigns["soak"],
    }


# -- the commit that it is about


class Checkout:
    """A separate repository, with one commit of everything that the campaigns are about."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q")
        for folder in CODE:
            (root / folder).mkdir(parents=True)
            (root / folder / "a.py").write_text("one")
        self.first = self.commit()

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        asked = ("git", *who, "-C", str(self.root), *words)
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "a")
        return self.git("rev-parse", "--short", "HEAD")

    def changed(self, name: str) -> None:
        (self.root / name).parent.mkdir(exist_ok=True)
        (self.root / name).write_text("two")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_campaigns_are_about_the_last_commit_that_changed_their_code(checkout: Checkout) -> None:
    """Documents and other tests may change meanwhile, and earlier results still count."""
    assert checkout.first == commit_of_code(checkout.root)
    checkout.changed("docs/a.md")
    assert checkout.first == commit_of_code(checkout.root)
    checkout.commit()
    assert checkout.first == commit_of_code(checkout.root)


@pytest.mark.parametrize("folder", CODE)
def test_uncommitted_code_belongs_to_no_commit(checkout: Checkout, folder: str) -> None:
    """With changed, new or deleted files."""
    checkout.changed(f"{folder}/a.py")
    with pytest.raises(HistoryError, match=f"commit these changes first\n.*{folder}/a.py"):
        commit_of_code(checkout.root)
    second = checkout.commit()
    assert second == commit_of_code(checkout.root) != checkout.first
    checkout.changed(f"{folder}/new.py")
    with pytest.raises(HistoryError, match="commit these changes first"):
        commit_of_code(checkout.root)


def run_on(commit: str) -> Record:
    return Record({"soak": {"date": "2026-01-01", "commit": commit}})


def test_the_age_of_a_run_is_the_number_of_commits_that_changed_src_since(checkout: Checkout) -> None:
    """No age fails a check: the reader decides what it means."""
    record = run_on(checkout.first)
    run = f"soak: a run of 2026-01-01 on commit {checkout.first}, "
    assert [f"{run}0 commits have changed src since"] == record.ages(checkout.root)
    for name, count in (("src/a.py", 1), ("docs/a.md", 1), ("src/b.py", 2)):
        checkout.changed(name)
        checkout.commit()
        assert count == commits_since(checkout.first, checkout.root)
    assert [f"{run}2 commits have changed src since"] == record.ages(checkout.root)


def test_without_the_commit_the_age_is_unknown(checkout: Checkout) -> None:
    """In a shallow clone, or an archive; campaigns do not run in an archive."""
    assert commits_since("0123456", checkout.root) is None
    shutil.rmtree(checkout.root / ".git")
    assert "an unknown number of commits have" in run_on(checkout.first).ages(checkout.root)[0]
    with pytest.raises(HistoryError, match="git tells none of this folder"):
        commit_of_code(checkout.root)


def test_the_paths_that_campaigns_are_about_exist() -> None:
    """Git does not complain about a folder that does not exist."""
    for folder in CODE:
        assert any((ROOT / folder).rglob("*"))


# -- what is kept between runs


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(results, "KEPT", tmp_path / "kept")
    return Store(1, "abcdef0")


def test_results_of_another_commit_or_seed_do_not_count(store: Store) -> None:
    """Neither do unreadable ones, nor campaigns that were never run."""
    assert store.load("kills") is None
    store.save("kills", {"died": {}}, done=True)
    assert store.load("kills") is not None
    assert Store(2, "abcdef0").load("kills") is Store(1, "0fedcba").load("kills") is None
    (results.KEPT / "kills.json").write_text("{")
    assert store.load("kills") is None


def test_a_finished_campaign_is_not_repeated_and_an_interrupted_one_is(store: Store) -> None:
    """It continues where it was, with what it has kept."""
    found: list[Any] = []

    def work(store: Store) -> dict[str, Any]:
        found.append((store.load("kills") or {}).get("died"))
        store.save("kills", {"died": ["one"]}, done=False)
        if len(found) == 1:
            raise KeyboardInterrupt
        return {"operations": 2, "losses": 0}

    campaign = Named("kills", "a process is killed", work)
    with pytest.raises(KeyboardInterrupt):
        ran(campaign, store, nullcontext)
    assert told_of(campaign, store) is None
    assert (True, True) == (ran(campaign, store, nullcontext), ran(campaign, store, nullcontext))
    assert [None, ["one"]] == found
    assert {"operations": 2, "losses": 0, "failures": []}.items() <= (told_of(campaign, store) or {}).items()


def test_a_finding_is_reported_even_if_the_next_run_finds_nothing(store: Store) -> None:
    """Whether the product or the campaign is at fault: for this code it stays."""
    outcomes = [AssertionError("a file\nis lost"), None]

    def work(store: Store) -> dict[str, Any]:
        store.save("soak", {"half": 1}, done=False)
        if outcome := outcomes.pop(0):
            outcome.add_note("cycle 7")
            raise outcome
        return {"operations": 2, "losses": 0}

    campaign = Named("soak", "nothing grows", work)
    assert (False, True) == (ran(campaign, store, nullcontext), ran(campaign, store, nullcontext))
    kept = told_of(campaign, store)
    assert kept is not None
    assert ["a file is lost cycle 7"] == kept["failures"]


def test_a_kept_kill_is_not_repeated(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are, each kept when it ends; if one finds something, the next run begins with it."""
    run: list[str] = []

    class Killing:
        def __init__(self, config: object) -> None:
            pass

        begun = staticmethod(nullcontext)

        def kills(self) -> list[str]:
            return ["one", "two", "three"]

        def run(self, kill: str) -> bool:
            run.append(kill)
            if len(run) == 2:
                raise AssertionError("neither done nor as before")
            return kill != "three"

    monkeypatch.setattr(campaigns, "Campaign", Killing)
    monkeypatch.setattr(campaigns, "opened_site", lambda: nullcontext(SimpleNamespace(config=None)))
    kills = next(campaign for campaign in CAMPAIGNS if campaign.name == "kills")
    assert (False, True) == tuple(ran(kills, store, nullcontext) for _ in range(2))
    assert (run[1], {"one", "two", "three"}, 4) == (run[2], set(run), len(run))
    kept = told_of(kills, store)
    assert kept is not None
    assert (3, 2, 1) == (kept["operations"], kept["kills"], kept["too_short"])


# -- kills on volumes


@pytest.mark.parametrize("first", [0, 20261127])
def test_every_moment_of_every_call_is_in_one_of_the_runs_on_volumes(first: int) -> None:
    """Half of each run on each kind of volume, and none twice."""
    there = [Kill("extend", number, moment) for number in range(7) for moment in MOMENTS]
    chosen = [kill for seed in seeds(first) for thin in (0, 1) for kill in spread(there, thin, 2, seed)]
    assert sorted(there, key=str) == sorted(chosen, key=str)


def test_each_run_on_volumes_has_its_own_seed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which both kinds of volumes are given; the kills of both are counted."""
    run: list[str] = []

    def counted(boots: Sequence[Boot]) -> Counter[str]:
        ((phases,),) = boots
        run.extend(setting for phase in phases for setting in phase.settings if "SEED" in setting)
        return Counter(tried=134, kills=133)

    monkeypatch.setattr(guest, "_run", counted)
    for campaign in GUEST_CAMPAIGNS:
        if campaign.name.startswith("volumes"):
            assert ran(campaign, store, nullcontext)
            kept = told_of(campaign, store)
            assert kept is not None
            assert (134, 133, 1) == (kept["operations"], kept["kills"], kept["too_short"])
    assert [f"SHARES_CORE_TEST_SEED={seed}" for seed in seeds(store.seed) for _ in range(2)] == run
