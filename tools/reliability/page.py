"""``docs/reliability.md``, rendered from the results."""

from collections.abc import Mapping
from typing import Any

_HEAD = """\
# Reliability

What was tried against the real thing, and what came of it: each campaign's last run, on the code of the commit that its row
names. `./dev record` says how many commits have changed `src` since. A loss is an operation that was lost, left
half-done or wider than asked, or a byte that is not there.

| campaign | what happens | operations | what came of it | losses | code, day, seed |
|---|---|---|---|---|---|
{rows}
"""
_TAIL = """
## How each is repeated

`./dev reliability` runs all of them, `./dev reliability NAME...` those campaigns alone, `--seed N` other ones of their kind.
The code has to be committed. What a campaign came to is in `build/reliability`, and is not repeated while seed and commit are
the same (the last commit that changed `src`, `images`, `packaging` or the campaigns); of the kills each is kept, so that an
interrupted run goes on where it was. Then its results are written to `docs/reliability.json`, and this page from it, to which a
test holds it. What one of its runs has found wrong with that code stays in a campaign's row, also if the next run
finds nothing. `./dev test` runs a sample: `tests/integration/test_reliability.py`,
`tests/integration/test_kills_on_volumes.py`, and `tests/system/powercut` in the guest.

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
- **volumes-1**, **-2**, **-3**: `tests/integration/test_kills_on_volumes.py`, in the guest of `./dev integration-host`: before, in
  and after each call of each operation, with the calls on thick and on thin volumes in turn. Emulated, a kill takes ten times
  as long, so that each of the three takes more than an hour. `./dev test` makes one kill in each operation on either kind.
- **cuts**: `tests/system/powercut`, in the same guest. QEMU is killed while callers and clients work on thick volumes. After the next
  boot the installed service alone has brought everything back, records equal what was answered, and every byte that the
  server called flushed is there. What the guest had given to its disk by then is kept by the machine below: a disk that lies
  about its cache is not what is tried.
"""


def render(campaigns: Mapping[str, Mapping[str, Any]]) -> str:
    """The page. ``campaigns`` maps each campaign's name to what it ``shows`` and to its figures.

    ``failures`` say what its runs have found, ``done`` whether the last run was complete.
    """
    rows = "\n".join(_row(name, figures) for name, figures in campaigns.items())
    return _HEAD.format(rows=rows) + _TAIL


def _row(name: str, figures: Mapping[str, Any]) -> str:
    failed = [f"FAILED: {failure.replace('|', '/')}" for failure in figures["failures"]]
    losses = "at least 1" if failed else figures["losses"]
    operations, came = ("", failed)
    if figures["done"]:
        operations, came = (f"{figures['operations']:,}", [_told(figures), *failed])
    run = f"`{figures['commit']}`, {figures['date']}, {figures['seed']}"
    return "| " + " | ".join((name, figures["shows"], operations, ", ".join(came), str(losses), run)) + " |"


def _told(figures: Mapping[str, Any]) -> str:
    """A campaign's own figures, in words."""
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
