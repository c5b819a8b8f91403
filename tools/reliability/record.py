"""``python -m tools.reliability.record``: write the page from its results, and say how old they are.

The results of one run of all campaigns are beside the page, in ``docs/reliability.json``: the page says only
what they say. Both are about the commit that they name, whatever came later.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import asdict, frozen
from tools.reliability.history import commits_since
from tools.reliability.page import render
from tools.reliability.results import ROOT

PAGE = ROOT / "docs" / "reliability.md"
RESULTS = ROOT / "docs" / "reliability.json"
#: What only the store keeps: which kills are done, and what the record says once for all campaigns.
_NOT_TOLD = ("died", "turns", "seed", "commit")


@frozen
class Record:
    """The results of one run of all campaigns: by name, what each shows, its figures and its failures."""

    commit: str
    seed: int
    date: str
    campaigns: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(
        cls, commit: str, seed: int, date: str, results: Iterable[tuple[str, str, Mapping[str, Any]]]
    ) -> "Record":
        """A record from the campaigns' names, what each shows, and what the store keeps of it."""
        campaigns = {
            name: {"shows": shows} | {key: kept[key] for key in kept if key not in _NOT_TOLD}
            for name, shows, kept in results
        }
        return cls(commit, seed, date, campaigns)

    @classmethod
    def load(cls, path: Path = RESULTS) -> "Record":
        """Read what ``save`` wrote."""
        return cls(**json.loads(path.read_text()))

    def save(self, path: Path = RESULTS) -> None:
        """Write it, for ``load``."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @property
    def page(self) -> str:
        """The page about it."""
        return render(self.commit, self.seed, self.date, self.campaigns)

    def age(self, root: Path = ROOT) -> str:
        """How many commits have changed ``src`` since, in words."""
        count = commits_since(self.commit, root)
        told = "an unknown number of" if count is None else str(count)
        commits = "commit has" if count == 1 else "commits have"
        return f"a run of {self.date} on commit {self.commit}: {told} {commits} changed src since"


def main() -> None:
    """Write the page, and say how old its figures are."""
    record = Record.load()
    PAGE.write_text(record.page)
    print(f"{PAGE.relative_to(ROOT)} is the record of {record.age()}")


if __name__ == "__main__":
    main()
