"""The page of what was tried, and whether it is about the code that is here."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.reliability.kills import MOMENTS, Kill, spread
from tools.reliability import campaigns, guest, results
from tools.reliability.campaigns import CAMPAIGNS, Named
from tools.reliability.guest import GUEST_CAMPAIGNS, seeds
from tools.reliability.page import Told, code_of, render, told_by
from tools.reliability.results import CODE, PAGE, ROOT, Store, code_digest
from tools.reliability.running import ran, told_of

#: How many operations each campaign has at the least.
LEAST = {
    "kills": 400,
    "callers": 8 * 2000,
    "soak": 6 * 1000,
    "watch": 20,
    "upgrade": 20,
    "reconcile": 20,
    "reconcile-one": 20,
    "volumes": 390,
    "cuts": 3 * 20,
}
#: And how many of what these count: of the kills all but those of calls that were too short.
COUNTED = {
    "kills": {"kills": 400},
    "callers": {"files": 100},
    "soak": {"cycles": 1000},
    "volumes": {"kills": 390},
    "cuts": {"power cuts": 3, "files": 100},
}
#: On two processors; each server's stop and start keeps more than one of them busy.
OVERLAP = 1.25
DONE = {"done": True, "failures": []}
RESULTS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "cuts": ("the power is cut", None),
    "kills": ("a process is killed", {"operations": 1399, "kills": 1399, "losses": 0} | DONE),
    "soak": ("nothing grows", {"failures": ["mounts grew by 3", "a|b"], "done": False}),
    "watch": (
        "a container is killed",
        {"operations": 20, "median": 0.9, "longest": 1.25, "goal": 2, "losses": 0} | DONE,
    ),
    "upgrade": (
        "another image",
        {"operations": 20, "longest": 1.5, "goal": 1.5, "losses": 0, "done": True, "failures": ["away"]},
    ),
}


def test_the_page_tells_of_no_loss() -> None:
    """The page is a record of a run: it may be older than the code."""
    page = PAGE.read_text()
    told = told_by(page)
    assert list(LEAST) == list(told)
    assert {"0"} == {campaign.losses for campaign in told.values()}
    assert [] == [name for name, campaign in told.items() if campaign.operations < LEAST[name]]
    assert [] == [
        (name, what, told[name].figures)
        for name, least in COUNTED.items()
        for what, count in least.items()
        if told[name].figures.get(what, 0) < count
    ]
    # A look is repeated every minute; a server that is away is away.
    judged = {name: "median" if name.startswith("reconcile") else "longest" for name in told}
    assert [] == [name for name, campaign in told.items() if not campaign.is_met_by(judged[name])]
    assert {"watch", "upgrade", "reconcile", "reconcile-one"} == {
        name for name, campaign in told.items() if "goal" in campaign.figures
    }
    assert told["callers"].figures["overlap"] > OVERLAP


def test_every_campaign_is_on_the_page() -> None:
    """None can be left out of it unseen."""
    assert list(LEAST) == [campaign.name for campaign in (*CAMPAIGNS, *GUEST_CAMPAIGNS)]


def test_a_page_tells_what_was_tried_and_of_what() -> None:
    """Each campaign a row, with its own figures."""
    page = render("0123456789abcdef", "v1-3-gabc", 7, "2026-01-01", RESULTS)
    assert "| kills | a process is killed | 1,399 | 1,399 kills | 0 |" in page
    assert "| watch | a container is killed | 20 | median 0.9 s, longest 1.25 s, goal 2 s | 0 |" in page
    assert "| cuts | the power is cut | | not run in full on this code yet | |" in page
    assert "| soak | nothing grows | | FAILED: mounts grew by 3, FAILED: a/b | at least 1 |" in page
    assert "| upgrade | another image | 20 | longest 1.5 s, goal 1.5 s, FAILED: away | at least 1 |" in page
    assert "0123456789abcdef" == code_of(page)
    assert told_by(page) == {
        "cuts": Told(0, {}, ""),
        "kills": Told(1399, {"kills": 1399.0}, "0"),
        "soak": Told(0, {}, "at least 1"),
        "watch": Told(20, {"median": 0.9, "longest": 1.25, "goal": 2.0}, "0"),
        "upgrade": Told(20, {"longest": 1.5, "goal": 1.5}, "at least 1"),
    }
    assert [("upgrade", False), ("watch", True)] == sorted(
        (name, told.is_met_by("longest")) for name, told in told_by(page).items() if "longest" in told.figures
    )
    assert "seed 7, 2026-01-01" in page
    assert "" == code_of("# Reliability\n")


@pytest.mark.parametrize(
    "name", ["src/a.py", "images/samba/Dockerfile", "packaging/a.service", "tests/powercut/a.py"]
)
def test_a_change_of_what_users_run_is_seen(tmp_path: Path, name: str) -> None:
    """Of a name too; what the interpreter leaves there is none."""
    for folder in ("src", "images/samba", "packaging", "tests/powercut"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / name).write_text("one")
    before = code_digest(tmp_path)
    (tmp_path / "tests/test_a.py").write_text("no matter")
    (tmp_path / "src/__pycache__").mkdir()
    (tmp_path / "src/__pycache__/a.cpython-311.pyc").write_text("no matter")
    assert before == code_digest(tmp_path)
    shutil.move(tmp_path / name, tmp_path / f"{name}2")
    assert before != code_digest(tmp_path)
    shutil.move(tmp_path / f"{name}2", tmp_path / name)
    assert before == code_digest(tmp_path)
    (tmp_path / name).write_text("two")
    assert before != code_digest(tmp_path)


def test_the_digest_is_of_something() -> None:
    """The folders that it names are there."""
    for folder in CODE:
        assert any((ROOT / folder).rglob("*"))


# -- what is kept between runs


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(results, "KEPT", tmp_path / "kept")
    return Store(1, "code")


def test_what_other_code_or_another_seed_came_to_does_not_count(store: Store) -> None:
    """Nor what cannot be read, nor what was never run."""
    assert store.load("kills") is None
    store.save("kills", {"died": {}}, done=True)
    assert store.load("kills") is not None
    assert Store(2, "code").load("kills") is Store(1, "other").load("kills") is None
    (results.KEPT / "kills.json").write_text("{")
    assert store.load("kills") is None


def test_a_campaign_that_is_done_is_not_repeated_and_one_that_was_broken_off_is(store: Store) -> None:
    """From where it was: what it has kept is there again."""
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


def test_what_a_campaign_has_found_is_told_also_when_its_next_run_finds_nothing(store: Store) -> None:
    """Whether the product or the campaign is at fault: on this code it cannot be got rid of."""
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


def test_a_kill_that_was_kept_is_not_repeated(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are, each kept when it is over; where one finds something, the next run begins with it."""
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
    """Half of each run on either kind of volume, and none twice."""
    there = [Kill("extend", number, moment) for number in range(7) for moment in MOMENTS]
    chosen = [kill for seed in seeds(first) for thin in (0, 1) for kill in spread(there, thin, 2, seed)]
    assert sorted(there, key=str) == sorted(chosen, key=str)


def test_a_run_on_volumes_that_was_kept_is_not_repeated(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one finds something, the next begins with it."""
    run: list[int] = []

    def killed(seed: int) -> dict[str, int]:
        run.append(seed)
        assert len(run) != 2, "neither done nor as before"
        return {"tried": 134, "kills": 133}

    monkeypatch.setattr(guest, "_killed", killed)
    volumes = next(campaign for campaign in GUEST_CAMPAIGNS if campaign.name == "volumes")
    assert (False, True) == tuple(ran(volumes, store, nullcontext) for _ in range(2))
    first, second, third = seeds(store.seed)
    assert [first, second, second, third] == run
    kept = told_of(volumes, store)
    assert kept is not None
    assert (402, 399, 3) == (kept["operations"], kept["kills"], kept["too_short"])
