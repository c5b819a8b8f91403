"""The development sessions. `./dev SESSION` prepares the machine and runs one; `./dev` lists them.

Every session runs in the one environment that `./dev` made, not in one of its own as is nox's habit:
they all need the same packages (mypy reads what the tests import, the tests run the installed command
line), so seven environments would be seven installations of one thing.
"""

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # a noxfile is loaded by its path, so its neighbours are not importable

from tools.dockerd import DaemonError, docker_daemon  # noqa: E402 (needs the line above)

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "layers", "unit"]

for chatty in ("docker", "urllib3"):  # nox turns everyone's debug messages on
    logging.getLogger(chatty).setLevel(logging.WARNING)

BIN = Path(sys.executable).parent
MUTMUT = "mutmut==3.8.1"


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: rules and format."""
    _run(session, "ruff", "check", *session.posargs)
    _run(session, "ruff", "format", "--check", "--diff")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, on everything that is Python here."""
    _run(session, "mypy", *session.posargs)


@nox.session
def layers(session: nox.Session) -> None:
    """Import-linter: which layer may import which."""
    _run(session, "lint-imports", *session.posargs)


@nox.session
def unit(session: nox.Session) -> None:
    """Tests that need no root, no network and no Docker."""
    _pytest(session, "tests/unit")


@nox.session
def integration(session: nox.Session) -> None:
    """Tests on real Docker, Samba, bridges and loop devices."""
    with _docker_and_image(session):
        _pytest(session, "tests/integration")


@nox.session(name="integration-host")
def integration_host(session: nox.Session) -> None:
    """The same on a kernel with LVM, CIFS and AppArmor, and what a reboot leaves: see tools/guest."""
    with _docker_and_image(session):
        # A nox that is killed cannot end it, and a guest would go on for many minutes.
        guest = ("setpriv", "--pdeathsig", "TERM", str(BIN / "python"), "-m", "tools.guest")
        session.run(*guest, *session.posargs, interrupt_timeout=60, terminate_timeout=10)


@nox.session
def coverage(session: nox.Session) -> None:
    """What of src/ the last whole runs of the tests went through, branches too."""
    _run(session, "coverage", "combine", "--keep", *map(str, sorted(ROOT.glob(".coverage-*"))))
    _run(session, "coverage", "report")


@nox.session
def demo(session: nox.Session) -> None:
    """The main job from start to end; --keep leaves everything running to look at."""
    with _docker_and_image(session, keep="--keep" in session.posargs):
        _run(session, "shares-core", "demo", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Each operation's median beside its floor's; an argument says how many rounds (10)."""
    with _docker_and_image(session):
        _run(session, "python", "-m", "benchmarks", *session.posargs)


@nox.session
def reliability(session: nox.Session) -> None:
    """Kills, crowds, soak and power cuts in full; writes docs/reliability.md. Arguments name campaigns."""
    with _docker_and_image(session):
        # A nox that is killed cannot end it, and it would go on for an hour.
        campaigns = ("setpriv", "--pdeathsig", "TERM", str(BIN / "python"), "-m", "tools.reliability")
        session.run(*campaigns, *session.posargs, interrupt_timeout=60, terminate_timeout=10)


@nox.session
def record(session: nox.Session) -> None:
    """Write docs/reliability.md from docs/reliability.json, and say how old that run is."""
    _run(session, "python", "-m", "tools.reliability.record")


@nox.session
def mutation(session: nox.Session) -> None:
    """Mutmut on the domain and the renderers: each survivor is a change of the code that no test sees."""
    # It brings a dozen packages that nothing else needs, so it is installed when it is asked for.
    _run(session, "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", MUTMUT)
    copy = Path(session.create_tmp()) / "mutation"
    shutil.rmtree(copy, ignore_errors=True)
    for folder in ("src", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    with session.chdir(copy):
        _run(session, "mutmut", "run", *session.posargs)
        _run(session, "mutmut", "results")


@nox.session
def test(session: nox.Session) -> None:
    """Everything, cheap sessions first. A failure does not stop the rest: one run tells all."""
    for name in ("lint", "types", "layers", "unit", "integration", "integration-host", "coverage"):
        session.notify(name, posargs=())


def _run(session: nox.Session, program: str, *args: str) -> None:
    """Run a program of this environment. An interrupted one gets time to remove what it made."""
    session.run(str(BIN / program), *args, interrupt_timeout=60, terminate_timeout=10)


def _pytest(session: nox.Session, folder: str) -> None:
    """Run the whole folder, with its coverage kept, unless an argument names a file or test."""
    if any(Path(arg.partition("::")[0]).exists() for arg in session.posargs):
        _run(session, "pytest", *session.posargs)
        return
    data = ROOT / f".coverage-{Path(folder).name}"
    options = f"--data-file={data}"
    _run(session, "coverage", "run", options, "-m", "pytest", folder, *session.posargs)


@contextmanager
def _docker_and_image(session: nox.Session, *, keep: bool = False) -> Iterator[None]:
    """A Docker daemon that answers and has the current image; the build is quick when it has it already."""
    if os.geteuid() != 0:
        session.error("this session makes containers, bridges and mounts: run it as root")
    try:
        with docker_daemon(keep=keep):
            _run(session, "shares-core", "image", "build")
            yield
    except DaemonError as error:
        session.error(str(error))
