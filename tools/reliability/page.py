"""``docs/reliability.md``, rendered from the results; and what a test reads out of it."""

import re
from collections.abc import Mapping
from typing import Any

_CODE = re.compile(r"^Code: `([0-9a-f]{16})`", re.MULTILINE)
_HEAD = """\
# Reliability

What was tried against the real thing, on this code, and what came of it. A loss is an operation that was lost, left half-done
or wider than asked, or a byte that is not there. `./dev reliability` repeats all of it and writes this page; a test fails when the code is another
than the page is about.

Code: `{code}` (a digest over `src`, `images` and `packaging`), commit `{commit}`, seed {seed}, {date}.

| campaign | what happens | operations | what came of it | losses |
|---|---|---|---|---|
{rows}
"""
_TAIL = """
## How each is repeated

`./dev reliability NAME...` runs those campaigns alone, with `--seed N` another sequence of them. What an interrupted run came
to is in `build/reliability`, and is not repeated while code and seed are the same. `./dev test` runs a sample of each:
`tests/integration/test_reliability.py`, `tests/integration/test_kills_on_volumes.py`, and `tests/powercut` in the guest.

- **kills**: `tests/reliability/kills.py`. Another process runs one operation and ends by SIGKILL before or after a call of a
  port, or by a timer of the kernel's in the middle of it; `mkfs`, `mount` and the like that it had begun go on, as they would.
  Then one reconcile, and: it is well, a second look finds nothing, the host is as the records say (asked of Docker, the
  kernel and LVM by other code), the operation is done or the records are as before, what is acknowledged is done, and the
  checksums of four files are what they were. All the while a client tries to write where it may read, to come in as a
  stranger and with a wrong password.
- **callers**: `tests/reliability/calling.py`. Every caller has a user of its own on the shares that all have, and a share of its
  own; it writes down each operation before and after it. At the end records equal what was answered, host equals records, no
  error but Busy, NotFound and AlreadyExists was met, and no client that wrote meanwhile was disconnected. The overlap is how
  many times as long stopping and starting all servers takes one after the other as all at once.
- **soak**: `tests/reliability/soak.py`. Counted are loop devices, mounts, descriptors, threads, network devices, packet filters,
  folders, containers, warnings and resident memory.
- **cuts**: `tests/powercut`, in the guest of `./dev integration-host`. First one kill for each operation on thick and on thin
  volumes: emulated, a kill takes ten times as long. Then QEMU is killed while callers and clients work on thick volumes. After
  the next boot the installed service alone has brought everything back, records equal what was answered, and every byte
  that the server called flushed is there. What the guest had given to its disk by then is kept by the machine below: a disk that
  lies about its cache is not what is tried.
"""


def render(
    code: str, commit: str, seed: int, date: str, results: Mapping[str, tuple[str, Mapping[str, Any] | None]]
) -> str:
    """The page. ``results`` maps a campaign's name to what it shows and its figures, None where it was not run."""
    rows = "\n".join(_row(name, shows, figures) for name, (shows, figures) in results.items())
    return _HEAD.format(code=code, commit=commit, seed=seed, date=date, rows=rows) + _TAIL


def _row(name: str, shows: str, figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return f"| {name} | {shows} | | not run in full on this code yet | |"
    return f"| {name} | {shows} | {figures['operations']:,} | {_told(figures)} | {figures['losses']} |"


def _told(figures: Mapping[str, Any]) -> str:
    """The figures that differ from campaign to campaign, in words."""
    words = {
        "kills": "{:,} kills",
        "cuts": "{} power cuts",
        "conflicts": "{:,} named conflicts",
        "written": "{:,} files that clients wrote",
        "overlap": "overlap {}",
        "cycles": "{:,} cycles",
        "median": "median {:.2f} s",
        "longest": "longest {:.2f} s",
    }
    return ", ".join(text.format(figures[key]) for key, text in words.items() if key in figures)


def code_of(page: str) -> str:
    """The digest of the code that a page is about; empty where it does not say."""
    found = _CODE.search(page)
    return found[1] if found else ""


def losses_of(page: str) -> list[str]:
    """The last column of each campaign's row."""
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| campaign")]
    return [row.split("|")[-2].strip() for row in rows]
