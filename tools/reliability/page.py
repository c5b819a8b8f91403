"""``docs/reliability.md``, rendered from the results; and what a test reads out of it."""

import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from tools.reliability.results import CODE

_FIGURE = re.compile(r"\b(median|longest|goal|overlap) ([0-9.]*[0-9])")
_COUNT = re.compile(r"\b([0-9,]+) (kills|power cuts|files|cycles)\b")
_CODE = re.compile(r"^Code: `([0-9a-f]{16})`", re.MULTILINE)
_HEAD = """\
# Reliability

What was tried against the real thing, on this code, and what came of it. A loss is an operation that was lost, left half-done
or wider than asked, or a byte that is not there. `./dev reliability` repeats all of it and writes this page; a test fails when the code is another
than the page is about.

Code: `{code}` (a digest over {folders}), commit `{commit}`, seed {seed}, {date}.

| campaign | what happens | operations | what came of it | losses |
|---|---|---|---|---|
{rows}
"""
_TAIL = """
## How each is repeated

`./dev reliability NAME...` runs those campaigns alone, `--seed N` other ones of their kind. What a campaign came to is in
`build/reliability`, and is not repeated while code and seed are the same; of the kills each is kept, so that an interrupted
run goes on where it was. What one of its runs has found wrong with this code stays in its row, also where the next run finds
nothing. `./dev test` runs a sample: `tests/integration/test_reliability.py`,
`tests/integration/test_kills_on_volumes.py`, and `tests/powercut` in the guest.

- **kills**: `tests/reliability/kills.py`. Another process runs one operation and ends by SIGKILL before or after a call of a
  port, or by a timer of the kernel's in the middle of it; `mkfs`, `mount` and the like that it had begun go on, as they would.
  Then one reconcile, and: it is well, a second look finds nothing, the host is as the records say (asked of Docker, the
  kernel and LVM by other code), the operation is done or the records are as before, what is acknowledged is done, the files
  on every share are what they were, also on the one that was being extended, and a client who asks the server finds that
  each user may do what the record says and no more, also with what was open before. All the while another client tries to
  write where it may read, to come in as a stranger and with a wrong password.
- **callers**: `tests/reliability/calling.py`. Every caller has a user of its own on the shares that all have, and a share and
  a server of its own; all look, reconcile, stop and start too. Each writes down every operation before and after it. At the end
  records equal what was answered, host equals records before anything is brought up again, no error was met but Busy and,
  about what others make, NotFound and AlreadyExists, and no client that wrote meanwhile was disconnected. The overlap is how
  many times as long stopping and starting all servers takes one after the other as all at once.
- **soak**: `tests/reliability/soak.py`. Counted are loop devices, mounts, descriptors, threads, network devices, packet filters,
  folders, containers, warnings and resident memory.
- **watch**, **upgrade**, **reconcile**, **reconcile-one**: `tools/reliability/campaigns.py`. A server with a share is away from when its container
  ends until its smbd has answered a client, who asks every 50 ms. That a user is then let in and finds the files is shown
  by `tests/integration/test_watch.py` and `test_upgrade.py`.
- **volumes**: `tests/integration/test_kills_on_volumes.py`, in the guest of `./dev integration-host`: before, in and after each
  call of each operation, with the calls on thick and on thin volumes in turn. Emulated, a kill takes ten times as long, and the
  campaign two hours: it goes through all calls three times, and each time is kept. `./dev test` makes one kill in each
  operation on either kind.
- **cuts**: `tests/powercut`, in the same guest. QEMU is killed while callers and clients work on thick volumes. After the next
  boot the installed service alone has brought everything back, records equal what was answered, and every byte that the
  server called flushed is there. What the guest had given to its disk by then is kept by the machine below: a disk that lies
  about its cache is not what is tried.
"""


def render(
    code: str, commit: str, seed: int, date: str, results: Mapping[str, tuple[str, Mapping[str, Any] | None]]
) -> str:
    """The page. ``results`` maps a campaign's name to what it shows and its figures.

    None are those of a campaign that was not run; ``failures`` say what its runs have found, ``done`` whether
    the last one came to its end.
    """
    rows = "\n".join(_row(name, shows, figures) for name, (shows, figures) in results.items())
    folders = ", ".join(f"`{folder}`" for folder in CODE)
    return _HEAD.format(code=code, folders=folders, commit=commit, seed=seed, date=date, rows=rows) + _TAIL


def _row(name: str, shows: str, figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return f"| {name} | {shows} | | not run in full on this code yet | |"
    failed = [f"FAILED: {failure.replace('|', '/')}" for failure in figures["failures"]]
    losses = "at least 1" if failed else figures["losses"]
    if not figures["done"]:
        return f"| {name} | {shows} | | {', '.join(failed)} | {losses} |"
    return f"| {name} | {shows} | {figures['operations']:,} | {', '.join([_told(figures), *failed])} | {losses} |"


def _told(figures: Mapping[str, Any]) -> str:
    """The figures that differ from campaign to campaign, in words."""
    words = {
        "kills": "{:,} kills",
        "too_short": "{} calls were too short to die in",
        "cuts": "{} power cuts",
        "conflicts": "{:,} named conflicts",
        "written": "{:,} files that clients wrote",
        "overlap": "overlap {}",
        "cycles": "{:,} cycles",
        "median": "median {:.3g} s",
        "longest": "longest {:.3g} s",
        "goal": "goal {:.3g} s",
    }
    return ", ".join(text.format(figures[key]) for key, text in words.items() if key in figures)


def code_of(page: str) -> str:
    """The digest of the code that a page is about; empty where it does not say."""
    found = _CODE.search(page)
    return found[1] if found else ""


@frozen
class Told:
    """What a page tells of one campaign: ``figures`` are those that it names, by the word beside each."""

    operations: int
    figures: Mapping[str, float]
    losses: str

    def is_met_by(self, figure: str) -> bool:
        """Whether that took less than the goal, where there is one."""
        return "goal" not in self.figures or self.figures[figure] < self.figures["goal"]


def told_by(page: str) -> dict[str, Told]:
    """Each campaign's row, by the campaign's name."""
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| campaign")]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    return {
        name: Told(int(tried.replace(",", "") or 0), _figures(came), losses)
        for name, _shows, tried, came, losses in cells
    }


def _figures(came: str) -> dict[str, float]:
    counts = {name: float(count.replace(",", "")) for count, name in _COUNT.findall(came)}
    return counts | {name: float(figure) for name, figure in _FIGURE.findall(came)}
