"""Every line of Python and of settings in the README works, even twice."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from tests.settings import folder_of

import shares_core
from shares_core import bootstrap
from shares_core.config import HostConfig
from shares_core.domain.access import AccessRule
from shares_core.domain.capacity import GIB, Capacity
from shares_core.ports import Events
from shares_core.testing import MemoryHost, memory_ports

README = (Path(__file__).parents[2] / "README.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


class _Marked(ast.NodeTransformer):
    """Inserts a call of ``ran`` with the line's number before every statement."""

    def __init__(self) -> None:
        self.lines: set[int] = set()

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                setattr(node, name, [part for one in statements for part in (self._mark(one), one)])
        return node

    def _mark(self, statement: ast.stmt) -> ast.stmt:
        self.lines.add(statement.lineno)
        mark = ast.parse(f"ran({statement.lineno})").body[0]
        return ast.fix_missing_locations(ast.copy_location(mark, statement))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> MemoryHost:
    """The machine that ``open_host`` opens."""
    machine = MemoryHost()

    def open_host(config: HostConfig | None = None, events: Events | None = None) -> bootstrap.Host:
        return bootstrap.host(memory_ports(machine, events=events), (config or HostConfig()).network)

    monkeypatch.setattr(shares_core, "open_host", open_host)
    return machine


def _run_twice(source: str) -> None:
    marked = _Marked()
    code: Any = compile(marked.visit(ast.parse(source)), "README.md", "exec")
    ran: set[int] = set()
    for _ in range(2):
        exec(code, {"ran": ran.add})  # noqa: S102 (the README is ours)
    assert marked.lines == ran


def test_every_line_of_the_readmes_python_runs_and_may_be_repeated(
    machine: MemoryHost, capsys: pytest.CaptureFixture[str]
) -> None:
    """On one host, as by a caller who tries again; it does what it says."""
    (source,) = _blocks("python")
    _run_twice(source)
    told = capsys.readouterr().out.splitlines()
    location = r"('\\\\10.0.0.5\\projects',)"
    assert "projects rw " == told[0][:12]
    exists = "share 'projects' already exists: it has 20 GiB with ext4, not "
    well = ["True []", "current", "whole"]
    nothing = "[]"  # is under way
    assert [location, *well, nothing] == told[1:6]
    assert exists == told[6][: len(exists)]
    assert [location, *well, nothing] == told[7:]
    host = bootstrap.host(memory_ports(machine), HostConfig().network)
    rules = (AccessRule.for_user("ada", "ro"), AccessRule.for_user("bob", "rw"))
    assert rules == host.access.list("tenant-c", "projects")
    assert Capacity(20 * GIB) == host.shares.show("tenant-c", "projects").share.capacity
    session = machine.connect(machine.server_id("tenant-c"), "bob", "correct horse battery staple")
    session.open("projects", write=True).write(b"hello")


def test_what_the_readme_says_in_passing_runs(
    machine: MemoryHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The expression that opens another file, which holds the README's settings."""
    monkeypatch.chdir(tmp_path)
    (settings,) = _blocks("toml")
    (tmp_path / "shares.toml").write_text(settings)
    (opening,) = re.findall(r"`(open_host\(.+?\))`", README)
    opened = eval(opening, {"open_host": shares_core.open_host, "HostConfig": HostConfig})  # noqa: S307 (as above)
    assert isinstance(opened, bootstrap.Host)
    assert Path("/srv/pool") == folder_of(HostConfig.load("shares.toml"))


def test_every_name_that_the_readmes_python_imports_is_exported() -> None:
    """A caller needs no internal names."""
    (source,) = _blocks("python")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "shares_core":
            assert {alias.name for alias in node.names} <= set(shares_core.__all__)
