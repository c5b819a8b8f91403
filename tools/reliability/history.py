"""The commit that the campaigns are about, from git."""

import subprocess
from pathlib import Path

#: What the figures are about: the code that runs on a user's machine, and the campaigns.
CODE = ("src", "images", "packaging", "tests/reliability", "tests/system/powercut")


class HistoryError(Exception):
    """The campaigns are not about a commit; the message says why."""


def commit_of_code(root: Path) -> str:
    """The last commit that changed what the campaigns are about: a change of documents does not count.

    Raises HistoryError if that code has changes that are not committed, or if git does not know the folder.
    """
    if (changed := _asked(root, "status", "--porcelain", "--", *CODE)) is None:
        raise HistoryError("the campaigns are about a commit, and git tells none of this folder")
    if changed:
        raise HistoryError(f"the campaigns are about a commit: commit these changes first\n{changed}")
    if not (commit := _asked(root, "log", "-1", "--format=%h", "--", *CODE)):
        raise HistoryError("git knows no commit of this code")
    return commit


def commits_since(commit: str, root: Path) -> int | None:
    """How many commits have changed ``src`` since then; None if git does not know that commit here."""
    counted = _asked(root, "rev-list", "--count", f"{commit}..HEAD", "--", "src")
    return None if counted is None else int(counted)


def _asked(root: Path, *words: str) -> str | None:
    """Git's answer; None if it has none."""
    # Root may work in another user's checkout, which git would not read without the option.
    git = ("git", "-c", f"safe.directory={root}", "-C", str(root))
    try:
        asked = subprocess.run((*git, *words), capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None
