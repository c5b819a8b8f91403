"""What the guest does, in order, and what has to come back of it."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from attrs import evolve, frozen
from tools.guest.recipe import HOST, VENV
from tools.totals import counts_of

TREE = "/root/shares_core"
RESULTS = f"{HOST}/results"
ENVIRONMENT = {
    "SHARES_CORE_TEST_VG": "shares_test",
    "PATH": f"{VENV}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
}
#: What AppArmor, Docker's firewall or a whole kernel may change, beside what runs nowhere else.
ON_A_WHOLE_HOST = (
    "test_case_fold.py",
    "test_stock_firewall.py",
    "test_isolation.py",
    "test_confinement.py",
    "test_closed_ports.py",
    "test_reused_addresses.py",
)
#: Of the volumes' modules those that run with these, so that both processors are done at about the same time.
_BESIDE_VOLUMES = ("test_bad_hosts.py", "test_pool_create.py")
#: What the guest says when its power is to be cut.
CUT = "--- the power is cut here"
#: The option that runs all the others too. Emulated they take more than an hour.
WHOLE = "--whole"
_INTEGRATION, _VOLUMES = "tests/integration", "tests/integration/lvm"
#: What has the machine's reboot, its clock and its power to itself.
_REBOOT, _CLOCK, _POWERCUT = "tests/system/reboot", "tests/system/clock", "tests/system/powercut"
#: Emulated it takes six minutes, and is the same on another file system and the other kind of volume.
_GROWS = "test_a_share_grows_under_the_kernels_client_without_loss"
_LONG = f"{_VOLUMES}/test_kernel_client.py::{_GROWS}[xfs on thin]"
#: It builds an image, for which Docker has to reach Debian's packages: the guest has no network.
_NEEDS_NETWORK = f"{_INTEGRATION}/test_command_line.py::test_an_image_is_built_anew_under_another_name"


@frozen
class Phase:
    """One run of pytest on ``paths``. Its coverage is kept if it has any.

    A phase that is ``cut`` ends its boot as if the plug were pulled, without a shutdown. ``settings`` are
    variables of its environment, as ``NAME=value``.
    """

    name: str
    paths: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    cut: bool = False
    settings: tuple[str, ...] = ()

    @property
    def junit(self) -> str:
        return f"junit-{self.name}.xml"

    @property
    def coverage(self) -> str:
        """The data file's name; empty if no coverage is kept."""
        return f".coverage-host-{self.name}" if self.paths else ""

    @property
    def results(self) -> tuple[str, ...]:
        """The files that it leaves when it passed."""
        return tuple(filter(None, (self.junit, self.coverage)))

    @property
    def command(self) -> tuple[str, ...]:
        run = ("coverage", "run", f"--data-file={RESULTS}/{self.coverage}") if self.paths else ("python",)
        junit = f"--junit-xml={RESULTS}/{self.junit}"
        tests = (*self.paths, *self.arguments)
        return ("env", f"--chdir={TREE}", *self.settings, *run, "-m", "pytest", "--verbose", junit, *tests)


#: Phases that run side by side: each keeps one processor busy, and works on what is its own.
Stage = tuple[Phase, ...]
Boot = tuple[Stage, ...]


#: A storm in which the power is cut, and what is there after it.
BOOTS_OF_A_CUT: tuple[Boot, Boot] = (
    ((Phase("before-cut", (f"{_POWERCUT}/before",), cut=True),),),
    ((Phase("after-cut", (f"{_POWERCUT}/after",)),),),
)


def _boots(volumes: Phase, suite: Phase) -> tuple[Boot, ...]:
    """Each boot and its stages.

    Between the first two the guest is restarted by ``systemctl reboot``, then its power is cut.
    """
    before, after = BOOTS_OF_A_CUT
    return (
        ((volumes, suite), (Phase("before-reboot", (f"{_REBOOT}/before",)),)),
        ((Phase("after-reboot", (f"{_REBOOT}/after",)),), (Phase("clock", (_CLOCK,)),), *before),
        after,
    )


BOOTS = _boots(
    Phase(
        "volumes",
        (_VOLUMES,),
        (*(f"--ignore={_VOLUMES}/{name}" for name in _BESIDE_VOLUMES), "--deselect", _LONG),
    ),
    Phase(
        "suite",
        (
            *(f"{_VOLUMES}/{name}" for name in _BESIDE_VOLUMES),
            *(f"{_INTEGRATION}/{name}" for name in ON_A_WHOLE_HOST),
        ),
    ),
)
BOOTS_OF_ALL = _boots(
    Phase("volumes", (_VOLUMES,)),
    Phase("suite", (_INTEGRATION,), (f"--ignore={_VOLUMES}", "--deselect", _NEEDS_NETWORK)),
)

#: What the first boot does before its phases, all at once, by what it is called. It has to succeed.
SETUP: Mapping[str, tuple[str, ...]] = {
    "loading the images": ("docker", "load", "--quiet", "--input", "/dev/vdc"),
    "installing the working tree": (
        *("sh", "-ec", f'mkdir {TREE}; tar -C {TREE} -xf {HOST}/tree.tar; exec "$@"', "sh"),
        *("pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--editable", TREE),
    ),
    "making the volume group": ("vgcreate", "--quiet", ENVIRONMENT["SHARES_CORE_TEST_VG"], "/dev/vdb"),
}


def boots_for(arguments: Sequence[str], root: Path) -> tuple[Boot, ...]:
    """What to run for these arguments of pytest's: only the files that they name, if they name any."""
    if any((root / argument.partition("::")[0]).exists() for argument in arguments):
        return (((Phase("suite", arguments=tuple(arguments)),),),)
    further = tuple(argument for argument in arguments if argument != WHOLE)
    return tuple(
        tuple(tuple(_with(phase, further) for phase in stage) for stage in boot)
        for boot in (BOOTS_OF_ALL if WHOLE in arguments else BOOTS)
    )


def _with(phase: Phase, arguments: tuple[str, ...]) -> Phase:
    return evolve(phase, arguments=(*phase.arguments, *arguments))


def left_out(boots: Sequence[Boot], root: Path) -> list[str]:
    """The modules of the integration suite that these boots do not run, and single tests."""
    run = {path for phase in phases_of(*boots) for path in phase.paths}
    if not run or _INTEGRATION in run:
        return []
    modules = sorted(path.relative_to(root) for path in (root / _INTEGRATION).rglob("test_*.py"))
    tests = [name for phase in phases_of(*boots) for name in phase.arguments if "::" in name]
    return [*(str(path) for path in modules if not {str(path), *map(str, path.parents)} & run), *tests]


def phases_of(*boots: Boot) -> list[Phase]:
    """All their phases, in order."""
    return [phase for boot in boots for stage in boot for phase in stage]


def missing_folders(boots: Sequence[Boot], root: Path) -> list[str]:
    """The files and folders of tests that are not there."""
    return [path for phase in phases_of(*boots) for path in phase.paths if not (root / path).exists()]


def orders_for(boots: Sequence[Boot], number: int) -> str:
    """What `inside` reads at the boot with this number, from 0."""
    last = number == len(boots) - 1
    return json.dumps(
        {
            "environment": ENVIRONMENT,
            "setup": SETUP if number == 0 else {},
            "stages": [{phase.name: phase.command for phase in stage} for stage in boots[number]],
            "end": _end(boots[number], last=last),
        }
    )


def _end(boot: Boot, *, last: bool) -> list[str]:
    """The command that ends a boot."""
    if any(phase.cut for phase in phases_of(boot)):
        return ["sh", "-c", f"echo '{CUT}'; exec sleep infinity"]  # for who sees that to end it
    # Nothing of the disk is kept: at the end it need not even stop its services.
    return ["systemctl", "poweroff", "--force"] if last else ["systemctl", "reboot"]


def ended(boot: Boot, statuses: Mapping[str, int]) -> bool:
    """Whether a boot came to its end: a guest that panicked, hung or could not be set up did not."""
    return all(phase.name in statuses for phase in phases_of(boot))


def faults(
    boots: Sequence[Boot], statuses: Mapping[str, int], files: Collection[str], console: str
) -> list[str]:
    """What went wrong, one line each; nothing if all phases passed and left their results.

    :param statuses: of the phases that ended, by name.
    :param files: the names of what came back.
    :param console: all that the guest's kernel said.
    """
    found = ["the guest's kernel panicked"] if "Kernel panic" in console else []
    for phase in phases_of(*boots):
        missing = [name for name in phase.results if name not in files]
        if phase.name not in statuses:
            found.append(f"{phase.name} did not come to its end")
        elif statuses[phase.name] != 0:
            found.append(f"{phase.name} failed (status {statuses[phase.name]})")
        elif missing:
            found.append(f"{phase.name} passed, but left no {' and no '.join(missing)}")
    return found


def counts(junit: str) -> str:
    """What a JUnit file says in short."""
    return ", ".join(f"{number} {what}" for what, number in sorted(counts_of(junit).items()))
