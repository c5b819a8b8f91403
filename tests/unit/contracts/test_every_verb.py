"""The suites are complete."""

from __future__ import annotations

import ast
import inspect
import textwrap
from abc import ABC
from typing import get_type_hints

import pytest
from tests.contracts.every_port import SUITES

from shares_core.ports import Ports

_PORTS = get_type_hints(Ports)
_VERBS = [(name, verb) for name, port in _PORTS.items() for verb in sorted(port.__abstractmethods__)]


def test_every_port_has_a_suite() -> None:
    """A new port cannot be forgotten."""
    assert set(_PORTS) == set(SUITES)


@pytest.mark.parametrize(("port", "verb"), _VERBS)
def test_every_verb_is_tested_by_its_ports_suite(port: str, verb: str) -> None:
    """A new verb cannot be forgotten: some test uses ``<port>.<verb>``, by the port's name in Ports."""
    assert (port, verb) in spoken_of(SUITES[port])


def test_every_public_method_of_a_port_is_abstract() -> None:
    """Otherwise the test above would not see it."""
    for port in _PORTS.values():
        assert issubclass(port, ABC)
        public = {name for name, _ in inspect.getmembers(port, inspect.isfunction) if name[0] != "_"}
        assert port.__abstractmethods__ == public


def spoken_of(suite: type) -> set[tuple[str, str]]:
    """Each ``name.attribute`` in the suite's tests and in its module's tables of actions."""
    tests = [found for name, found in inspect.getmembers(suite, inspect.isfunction) if name[:5] == "test_"]
    sources = [textwrap.dedent(inspect.getsource(test)) for test in tests]
    module = inspect.getmodule(suite)
    assert module is not None
    tables = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.AnnAssign)]
    trees = [*(ast.parse(source) for source in sources), *tables]
    return {
        (node.value.id, node.attr)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
