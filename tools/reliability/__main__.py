"""``python -m tools.reliability [--seed N] [NAME...]``: run what is not done yet, and write its results."""

import argparse
import sys
from datetime import UTC, datetime

from tests.testkit.leftovers import clean_host
from tools.reliability.campaigns import CAMPAIGNS
from tools.reliability.guest import GUEST_CAMPAIGNS
from tools.reliability.history import HistoryError, commit_of_code
from tools.reliability.record import PAGE, RESULTS, Record
from tools.reliability.results import ROOT, Store
from tools.reliability.running import ran, told_of

_SEED = 20261127
_ALL = (*CAMPAIGNS, *GUEST_CAMPAIGNS)


def main(arguments: list[str]) -> int:
    """Returns the exit status: 1 if a campaign found something, or if the code is not committed."""
    names = [campaign.name for campaign in _ALL]
    parser = argparse.ArgumentParser(prog="./dev reliability", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names)}; all by default")
    parser.add_argument("--seed", type=int, default=_SEED)
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(names):
        parser.error(f"there is no campaign {', '.join(sorted(unknown))}")
    wanted = given.names or names
    try:
        store = Store(given.seed, commit_of_code(ROOT))
        failed = [each.name for each in _ALL if each.name in wanted and not ran(each, store, clean_host)]
        if commit_of_code(ROOT) != store.commit:
            raise HistoryError("the code has changed meanwhile: run it again")
    except HistoryError as error:
        print(f"reliability: {error}")
        return 1
    _write(store)
    if failed:
        print(f"reliability: failed: {', '.join(failed)}")
    return 1 if failed else 0


def _write(store: Store) -> None:
    """Write the results, and their page, of every campaign that was run with this code and seed."""
    results = [(campaign.name, campaign.shows, told_of(campaign, store) or {}) for campaign in _ALL]
    record = Record.load().with_results(f"{datetime.now(UTC):%Y-%m-%d}", results)
    record.save()
    PAGE.write_text(record.page)
    print(f"reliability: {RESULTS.relative_to(ROOT)} and {PAGE.relative_to(ROOT)} are written")
    if others := [name for name, _, kept in results if not kept]:
        print(f"reliability: of other code or another seed: {', '.join(others)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
