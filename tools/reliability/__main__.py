"""``python -m tools.reliability [--seed N] [NAME...]``: run what is not done yet, and write the page."""

import argparse
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.integration.support.leftovers import clean_host
from tools.reliability.campaigns import CAMPAIGNS
from tools.reliability.guest import GUEST_CAMPAIGNS
from tools.reliability.page import render
from tools.reliability.results import CODE, PAGE, ROOT, Store, code_digest
from tools.reliability.running import ran, told_of

_SEED = 20261127
_ALL = (*CAMPAIGNS, *GUEST_CAMPAIGNS)


def main(arguments: list[str]) -> int:
    """Gives the exit status: 1 where a campaign found something."""
    names = [campaign.name for campaign in _ALL]
    parser = argparse.ArgumentParser(prog="./dev reliability", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names)}; all by default")
    parser.add_argument("--seed", type=int, default=_SEED)
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(names):
        parser.error(f"there is no campaign {', '.join(sorted(unknown))}")
    store = Store(given.seed, code_digest())
    wanted = given.names or names
    failed = [each.name for each in _ALL if each.name in wanted and not ran(each, store, clean_host)]
    if code_digest() != store.code:
        print("reliability: the code has changed meanwhile: run it again")
        return 1
    _write(store)
    if failed:
        print(f"reliability: failed: {', '.join(failed)}")
    return 1 if failed else 0


def _write(store: Store) -> None:
    """Write the page; a campaign that is not done with this code and seed is said to be so."""
    results = {campaign.name: (campaign.shows, told_of(campaign, store)) for campaign in _ALL}
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    page = render(store.code, _commit(), store.seed, date, results)
    Path(PAGE).write_text(page)
    print(f"reliability: {PAGE.relative_to(ROOT)} is written")


def _commit() -> str:
    """The commit that the code is of; the page itself, which this writes, does not count."""
    described, changed = (
        subprocess.run(("git", "-C", str(ROOT), *asked), capture_output=True, text=True, check=False).stdout
        for asked in (("describe", "--always"), ("status", "--porcelain", "--", *CODE))
    )
    return (described.strip() or "unknown") + ("-dirty" if changed else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
