"""What the guest runs at each boot: it carries out the orders beside it, on the shared folder.

When it fails itself, for a part of the set-up did, its unit powers the guest off. It lies there alone, and so
imports nothing of the project.
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def main(shared: Path) -> None:
    """Set up what has to succeed, run the phases, whose statuses are a result, and end the boot."""
    orders = json.loads((shared / "orders.json").read_text())
    os.environ.update(orders["environment"])
    _say(f"up after {Path('/proc/uptime').read_text().split('.')[0]} s")
    _set_up(orders["setup"])
    for stage in orders["stages"]:
        threads = [
            threading.Thread(target=_run, args=(name, command, shared / "results"))
            for name, command in stage.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    subprocess.run(orders["end"], check=True)


def _run(name: str, command: Sequence[str], results: Path) -> None:
    """Run a phase, passing on what it says in whole lines, for another may speak at the same time."""
    _say(f"{name} ...")
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout or ():
            os.write(1, line)
    (results / f"{name}.status").write_text(str(process.returncode))
    _say(f"{name}: {time.monotonic() - began:.0f} s, status {process.returncode}")


def _set_up(commands: Mapping[str, Sequence[str]]) -> None:
    """Run all of them side by side: one waits for the disk while another computes."""
    began = time.monotonic()
    running = {doing: subprocess.Popen(command) for doing, command in commands.items()}
    for doing, process in running.items():
        if (status := process.wait()) != 0:
            raise SystemExit(f"{doing} failed (status {status})")
        _say(f"{doing}: done after {time.monotonic() - began:.0f} s")


def _say(text: str) -> None:
    print(f"--- {text}", flush=True)


if __name__ == "__main__":
    main(Path(__file__).parent)
