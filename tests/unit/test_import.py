"""What `import shares_core` costs a program that embeds it."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Modules that drive a host, or are for people at a shell: a program may import the library and need none.
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
def test_importing_the_library_imports_nothing_unneeded(package: str) -> None:
    """The benchmark measures the time of the import; this is why it is short."""
    code = "import sys, shares_core; print(*sys.modules)"
    done = subprocess.run(
        (sys.executable, "-c", code), capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout.split()
    assert "shares_core" in loaded
    assert package not in loaded
