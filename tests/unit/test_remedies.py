"""What to do is a value: no shell command stands outside the entrypoints (law 10)."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import click
import pytest

import shares_core
from shares_core import HostConfig, InterfaceSpec, bootstrap
from shares_core.domain.remedy import UseCase
from shares_core.entrypoints.cli import root
from shares_core.entrypoints.cli.remedies import option
from shares_core.testing import MemoryHost, memory_ports

SOURCE = Path(shares_core.__file__).parent
OURS = re.compile(rf"shares-core ({'|'.join(root.commands)})\b")
OPTION = re.compile(r"(?<![\w-])--[a-z]")
TOOLS = (
    "apt-get blkdiscard blkid blockdev dmesg dmsetup dockerd e2fsck findmnt fsck fuser iptables lsblk "
    "losetup lvchange lvconvert lvcreate lvextend lvs lvscan modprobe nft pvs resize2fs sudo sysctl "
    "systemctl udevadm umount vgextend vgimport vgs xfs_repair"
).replace(" ", "|")
TOOL = re.compile(rf"(?<![\w/.-])({TOOLS})(?![\w.-])")
#: These are words of English, or of other things, as well.
QUOTED_TOOL = re.compile(rf"'({TOOLS}|dd|docker|ip|kill|lvm|man|mount|ps)(?![\w.-])")
#: In these, names of tools and of parameters are values.
ACTIONS = ("Call", "HostTool", "Packages", "Parameter")


def texts(node: ast.AST, *, advice: bool = False) -> Iterator[tuple[str, bool]]:
    """Each text that is no docstring, and whether it says what to do; of an f-string the fixed parts."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value, advice
    elif isinstance(node, ast.JoinedStr):
        fixed = (str(part.value) for part in node.values if isinstance(part, ast.Constant))
        yield "{}".join(fixed), advice
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    elif isinstance(node, ast.Call):
        yield from _given(node, advice=advice)
    else:
        advice = advice or (isinstance(node, ast.Assign) and bool(re.search("(?i)hint|mend", _names(node))))
        for child in ast.iter_child_nodes(node):
            yield from texts(child, advice=advice)


def _names(node: ast.Assign) -> str:
    return " ".join(map(ast.unparse, node.targets))


def _given(call: ast.Call, *, advice: bool) -> Iterator[tuple[str, bool]]:
    """The texts that a call is given."""
    name = ast.unparse(call.func).rpartition(".")[2]
    if name in ACTIONS:
        return
    yield from texts(call.func, advice=False)
    for place, argument in enumerate(call.args):
        finding = name in ("note", "missing", "ok") and place > 0  # the first is what it is about
        yield from texts(argument, advice=finding or ast.unparse(call.func) == "Remedy.of")
    for keyword in call.keywords:
        yield from texts(keyword.value, advice=advice or keyword.arg == "hint")


def commands_in(source: str) -> list[str]:
    """The texts that name a command of a shell, or an option of one."""
    return [
        text
        for text, advice in texts(ast.parse(source))
        if OURS.search(text)
        or QUOTED_TOOL.search(text)
        or (OPTION.search(text) and (advice or " " in text))
        or (advice and TOOL.search(text))
    ]


def library() -> Iterator[tuple[str, str]]:
    """Each module outside the entrypoints, with its source."""
    for path in sorted(SOURCE.rglob("*.py")):
        if "entrypoints" not in path.relative_to(SOURCE).parts:
            yield str(path.relative_to(SOURCE)), path.read_text()


def test_no_shell_command_stands_outside_the_entrypoints() -> None:
    assert {} == {name: found for name, source in library() if (found := commands_in(source))}


@pytest.mark.parametrize(
    "source",
    [
        "raise NotFound('server', name, hint=\"'shares-core server list' lists those that are there\")",
        "raise HostNotReady('no image', hint='shares-core image build')",
        "_LIST_HINT = 'shares-core operation list'",
        "problem = f\"it should run; 'shares-core server start {name}' brings it up\"",
        "raise HostNotReady(said, hint=f'vgimport {group}')",
        "raise NotEmpty('it has shares', hint='say --with-shares')",
        "raise NotEmpty('say --with-shares')",
        "hint = 'apt-get install lvm2'",
        "hint = 'a' if fits else 'sudo do it'",
        "warning = f\"it is full: make it larger with 'lvextend +SIZE {pool}'\"",
        "yield rules.missing('loop devices', 'it is not there', 'modprobe loop')",
        "raise Busy('busy', hint=Remedy.of('end it: ', 'systemctl stop x'))",
        "raise Busy('busy', hint=\"'mount /dev/sdb' and try again\")",
        "raise Busy('busy', hint=Remedy.of('give ', '--bridge'))",
    ],
)
def test_a_shell_command_in_a_text_is_found(source: str) -> None:
    assert [] != commands_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "'''shares-core server list'''",
        "run(('mount', '--bind', source, target))",
        "raise HostNotReady('the pool is not there', hint='mount the disk that it is on')",
        "raise HostNotReady(said, hint=Remedy.of('add a device: ', HostTool('vgextend', (group, '--yes'))))",
        "raise RecordUnreadable(path, 'use the version of shares-core that wrote it')",
        "return 'xfs_repair came to its end'",
        "yield rules.ok('firewall (nft)', 'lets traffic through')",
    ],
)
def test_what_is_no_command_in_a_text_is_left_alone(source: str) -> None:
    assert [] == commands_in(source)


def _made(kind: str) -> Iterator[ast.Call]:
    """Where the library makes values of that class."""
    for _, source in library():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == kind:
                yield node


def test_every_use_case_that_remedies_know_is_called_by_one() -> None:
    called = {call.args[0].attr for call in _made("Call") if isinstance(call.args[0], ast.Attribute)}
    assert {use_case.name for use_case in UseCase} == called


def _commands(command: click.Command) -> Iterator[click.Command]:
    yield command
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        yield from _commands(inner)


def test_every_parameter_that_a_remedy_names_is_there_in_python_and_at_a_shell() -> None:
    named = {ast.literal_eval(call.args[0]) for call in _made("Parameter")}
    host = bootstrap.host(memory_ports(MemoryHost()), HostConfig().network)
    use_cases = [type(getattr(host, field.name)) for field in attrs.fields(type(host))]
    callables: list[Callable[..., object]] = [InterfaceSpec.parse, HostConfig]
    callables += [method for kind in use_cases for _, method in inspect.getmembers(kind, inspect.isfunction)]
    options = {name for each in _commands(root) for given in each.params for name in given.opts}
    assert named
    assert set() == named - {name for each in callables for name in inspect.signature(each).parameters}
    assert set() == set(map(option, named)) - options
