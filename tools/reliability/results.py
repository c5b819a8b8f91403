"""The results of the campaigns, kept between runs."""

import json
from pathlib import Path
from typing import Any

from attrs import frozen

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "reliability"


@frozen
class Store:
    """Results by campaign, one file each; those of another commit or seed do not count."""

    seed: int
    commit: str

    def load(self, campaign: str) -> dict[str, Any] | None:
        """The kept result of a campaign, finished or not."""
        try:
            found: dict[str, Any] = json.loads(self._path(campaign).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return found if (found.get("seed"), found.get("commit")) == (self.seed, self.commit) else None

    def save(self, campaign: str, result: dict[str, Any], *, done: bool, failure: str = "") -> None:
        """Keep a result, together with what earlier runs found wrong with this code."""
        before = (self.load(campaign) or {}).get("failures", [])
        failures = [*before, failure] if failure else before
        whole = {**result, "seed": self.seed, "commit": self.commit, "done": done, "failures": failures}
        KEPT.mkdir(parents=True, exist_ok=True)
        path = self._path(campaign)
        path.with_suffix(".new").write_text(json.dumps(whole, indent=1))
        path.with_suffix(".new").rename(path)

    def _path(self, campaign: str) -> Path:
        return KEPT / f"{campaign}.json"
