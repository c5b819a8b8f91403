"""What `import shares_core` costs whoever embeds it."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: What drives a host, or is for people at a shell: a program that imports the library may need none of it.
LATER = (
    "docker",
    "requests",
    "pyroute2",
    "filelock",
    "click",
    "rich",
    "subprocess",
    "tomllib",
    "shares_core.adapters",
)


@pytest.mark.parametrize("package", LATER)
def test_what_is_not_needed_yet_is_not_imported(package: str) -> None:
    """The time that the import takes is in the benchmark; this is why it is short."""
    code = "import sys, shares_core; print(*sys.modules)"
    done = subprocess.run(
        (sys.executable, "-c", code), capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout.split()
    assert "shares_core" in loaded
    assert package not in loaded
