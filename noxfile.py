"""The development sessions. `./dev SESSION` prepares the machine and runs one; `./dev` lists them.

Every session runs in the one environment that `./dev` made, not in one of its own as is nox's habit:
they all need the same packages (mypy reads what the tests import, the tests run the installed command
line), so seven environments would be seven installations of one thing.
"""

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # a noxfile is loaded by its path, so its neighbours are not importable

from tools.beside import Beside, beside  # noqa: E402 (needs the line above)
from tools.dockerd import DaemonError, docker_daemon  # noqa: E402
from tools.totals import total  # noqa: E402

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "layers", "unit"]

for chatty in ("docker", "urllib3"):  # nox turns everyone's debug messages on
    logging.getLogger(chatty).setLevel(logging.WARNING)

BIN = Path(sys.executable).parent
MUTMUT = "mutmut==3.8.1"
#: Of each whole run of a suite, under its name: its JUnit file, and what it said if it ran beside another.
RESULTS = ROOT / "build" / "tests"
GUEST_RESULTS = ROOT / "build" / "integration-host"
MACHINE = "tests/unit/machine"
GUEST = (str(BIN / "python"), "-m", "tools.guest")
#: Of two that could go on it is the other one that does: the guest's tests expect a slow machine.
YIELDING = ("nice", "-n", "5")
#: What ``test`` says that it leaves out, by the session that has it.
LEFT_OUT = {
    "unit": "the state machine and the callers search a part of the examples, always the same ones",
    "integration": "what people and the service do dies at a few steps; smbtorture runs its quick suites",
    "integration-host": "of the integration suite the modules that it has named, kills on volumes among them",
}


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
    """Tests that need no root, no network and no Docker; as a whole, the state machine beside the rest."""
    if session.posargs:
        _pytest(session, "unit", "tests/unit")
        return
    results = [RESULTS / f"{name}.xml" for name in ("machine", "unit")]
    for path in results:
        path.unlink(missing_ok=True)
    with beside(_suite("machine", MACHINE), RESULTS / "machine.log") as machine:
        rest = _suite("unit", "tests/unit", f"--ignore={MACHINE}")
        parts = {
            "the rest of the unit tests": lambda: _run(session, *rest),
            "the state machine beside them": lambda: _finish(machine),
        }
        failed = _failed(session, parts)
    print(total(results), flush=True)
    _judge(session, failed)


@nox.session
def integration(session: nox.Session) -> None:
    """Tests on real Docker, Samba, bridges and loop devices."""
    with _docker_and_image(session):
        _pytest(session, "integration", "tests/integration")


@nox.session(name="integration-host")
def integration_host(session: nox.Session) -> None:
    """The same on a kernel with LVM, CIFS and AppArmor, and what a reboot leaves: see tools/guest."""
    with _docker_and_image(session):
        # A nox that is killed cannot end it, and a guest would go on for many minutes.
        guest = ("setpriv", "--pdeathsig", "TERM", *GUEST)
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
    """Each operation's median beside its floor's; or ``scale``, ``folders``; a number is the rounds (10)."""
    with _docker_and_image(session):
        _run(session, "python", "-m", "benchmarks", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """Smbtorture on a server and on a plain Samba; writes docs/conformance.md. Arguments name suites."""
    with _docker_and_image(session):
        _run(session, "python", "-m", "tools.conformance", *session.posargs)


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
    """Everything, the guest beside the integration tests. A failure stops nothing: one run tells all."""
    if session.posargs:
        session.error("test takes no arguments: name the session that they are for")
    for results in (RESULTS, GUEST_RESULTS):
        shutil.rmtree(results, ignore_errors=True)
    with _docker_and_image(session):
        failed = _failed(
            session,
            {
                "lint": lambda: lint(session),
                "types": lambda: types(session),
                "layers": lambda: layers(session),
                "unit": lambda: unit(session),
            },
        )
        # Beside the integration tests, which mostly wait, and not beside these: emulated processors that
        # have to share ours take many times as long.
        with beside((*YIELDING, *GUEST), RESULTS / "integration-host.log") as guest:
            failed += _failed(
                session,
                {
                    "integration": lambda: integration(session),
                    "integration-host, beside it": lambda: _finish(guest),
                },
            )
    failed += _failed(session, {"coverage": lambda: coverage(session)})
    for name, what in LEFT_OUT.items():
        session.log(f"left out of {name}, for ./dev nightly: {what}")
    print(total((*RESULTS.glob("*.xml"), *GUEST_RESULTS.glob("*.xml"))), flush=True)
    _judge(session, failed)


@nox.session
def nightly(session: nox.Session) -> None:
    """What test leaves out: new examples, kills at every step, all of smbtorture, the suite in the guest."""
    with _docker_and_image(session):
        machine = ("pytest", MACHINE, "--hypothesis-profile=nightly")
        every_call = {"SHARES_CORE_TEST_EVERY_CALL": "1"}
        in_time = {"SHARES_CORE_GUEST_MINUTES": "240"}
        guest = ("setpriv", "--pdeathsig", "TERM", *GUEST, "--whole")
        parts = {
            "unit": lambda: _run(session, *machine),
            "integration": lambda: _run(session, "pytest", "tests/integration", env=every_call),
            "integration-host": lambda: session.run(
                *guest, env=in_time, interrupt_timeout=60, terminate_timeout=10
            ),
            "conformance": lambda: _run(session, "python", "-m", "tools.conformance"),
        }
        failed = _failed(session, parts)
    record(session)
    _judge(session, failed)


def _failed(session: nox.Session, parts: Mapping[str, Callable[[], object]]) -> list[str]:
    """Do all the parts, one after the other; gives the names of those that failed."""
    failed = []
    for name, part in parts.items():
        began = time.monotonic()
        session.log(f"{name} ...")
        try:
            part()
        except CommandFailed:
            failed.append(name)
        outcome = "failed" if name in failed else "passed"
        session.log(f"{name}: {outcome} after {time.monotonic() - began:.0f} s")
    return failed


def _judge(session: nox.Session, failed: list[str]) -> None:
    """Fail, if anything did."""
    if failed:
        session.warn(f"failed: {', '.join(failed)}")
        raise CommandFailed


def _finish(running: Beside) -> None:
    """Tell all that it has said, and wait for its end."""
    if running.finish(sys.stdout.buffer) != 0:
        raise CommandFailed


def _run(session: nox.Session, program: str, *args: str, env: Mapping[str, str] | None = None) -> None:
    """Run a program of this environment. An interrupted one gets time to remove what it made."""
    session.run(str(BIN / program), *args, env=env, interrupt_timeout=60, terminate_timeout=10)


def _suite(name: str, *tests: str) -> tuple[str, ...]:
    """The command of a whole run of pytest, with its coverage and its results kept."""
    run = (str(BIN / "coverage"), "run", f"--data-file={ROOT / f'.coverage-{name}'}")
    return (*run, "-m", "pytest", f"--junit-xml={RESULTS / f'{name}.xml'}", *tests)


def _pytest(session: nox.Session, name: str, folder: str) -> None:
    """Run the whole folder, with its coverage kept, unless an argument names a file or test."""
    if any(Path(arg.partition("::")[0]).exists() for arg in session.posargs):
        _run(session, "pytest", *session.posargs)
    else:
        _run(session, *_suite(name, folder, *session.posargs))


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
