"""What the campaigns came to, kept between runs, and the code that they were about."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
KEPT = ROOT / "build" / "reliability"
#: What the figures are about: what runs on a user's machine, and the campaigns that were tried on it.
CODE = ("src", "images", "packaging", "tests/reliability", "tests/powercut")


def code_digest(root: Path = ROOT) -> str:
    """16 hexadecimal digits over the names and contents of all that the figures are about."""
    digest = hashlib.sha256()
    for path in _files(root):
        for part in (path.relative_to(root).as_posix().encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def _files(root: Path) -> Iterator[Path]:
    for folder in CODE:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                yield path


@frozen
class Store:
    """Results by campaign, one file each; those of other code or another seed are none."""

    seed: int
    code: str

    def load(self, campaign: str) -> dict[str, Any] | None:
        """What is kept of a campaign, finished or not."""
        try:
            found: dict[str, Any] = json.loads(self._path(campaign).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return found if (found["seed"], found["code"]) == (self.seed, self.code) else None

    def save(self, campaign: str, result: dict[str, Any], *, done: bool, failure: str = "") -> None:
        """Keep a result; what earlier runs found wrong with this code stays beside it."""
        before = (self.load(campaign) or {}).get("failures", [])
        failures = [*before, failure] if failure else before
        whole = {**result, "seed": self.seed, "code": self.code, "done": done, "failures": failures}
        KEPT.mkdir(parents=True, exist_ok=True)
        path = self._path(campaign)
        path.with_suffix(".new").write_text(json.dumps(whole, indent=1))
        path.with_suffix(".new").rename(path)

    def _path(self, campaign: str) -> Path:
        return KEPT / f"{campaign}.json"
