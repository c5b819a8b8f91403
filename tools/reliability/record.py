"""``python -m tools.reliability.record``: write the page from its results, and say how old they are.

The results of each campaign's last run are beside the page, in ``docs/reliability.json``: the page says only
what they say. Each is about the commit that it names, whatever came later.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from tools.reliability.history import commits_since
from tools.reliability.page import render
from tools.reliability.results import ROOT

PAGE = ROOT / "docs" / "reliability.md"
RESULTS = ROOT / "docs" / "reliability.json"
#: What only the store keeps: which kills are done.
_NOT_TOLD = ("died",)


@frozen
class Record:
    """Each campaign's last run, by name: what it shows, commit, seed, date, figures and failures."""

    campaigns: Mapping[str, Mapping[str, Any]]

    def with_results(self, date: str, results: Iterable[tuple[str, str, Mapping[str, Any]]]) -> "Record":
        """The record after a run: names of campaigns, what each shows, and what the store keeps of it.

        In their order. An empty mapping is a campaign that was not run now: its last run stays.
        """
        campaigns = {}
        for name, shows, kept in results:
            told = {key: kept[key] for key in kept if key not in _NOT_TOLD}
            if told or name in self.campaigns:
                campaigns[name] = {"shows": shows, "date": date} | told if told else self.campaigns[name]
        return Record(campaigns)

    @classmethod
    def load(cls, path: Path = RESULTS) -> "Record":
        """Read what ``save`` wrote."""
        return cls(json.loads(path.read_text()))

    def save(self, path: Path = RESULTS) -> None:
        """Write it, for ``load``."""
        path.write_text(json.dumps(self.campaigns, indent=1) + "\n")

    @property
    def page(self) -> str:
        """The page about it."""
        return render(self.campaigns)

    def ages(self, root: Path = ROOT) -> list[str]:
        """For each campaign, how many commits have changed ``src`` since, in words."""
        return [
            f"{name}: a run of {told['date']} on commit {told['commit']}, {_since(told['commit'], root)}"
            for name, told in self.campaigns.items()
        ]


def _since(commit: str, root: Path) -> str:
    count = commits_since(commit, root)
    told = "an unknown number of" if count is None else str(count)
    return f"{told} {'commit has' if count == 1 else 'commits have'} changed src since"


def main() -> None:
    """Write the page, and say how old its figures are."""
    record = Record.load()
    PAGE.write_text(record.page)
    print(f"{PAGE.relative_to(ROOT)} is written", *record.ages(), sep="\n")


if __name__ == "__main__":
    main()
