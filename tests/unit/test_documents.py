"""What the documents name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("[!.]*/*.md"))
)
#: A test, a file of tests, or the beginning of a test's name with dots after it.
_TEST = re.compile(r"`(test_\w+)(\.{3})?`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def _tests_there() -> frozenset[str]:
    modules = list((ROOT / "tests").rglob("*.py"))
    functions = re.findall(r"def (test_\w+)", "".join(module.read_text() for module in modules))
    return frozenset(functions) | {module.stem for module in modules}


def test_documents_are_found() -> None:
    assert {"README.md", "docs/security.md", "tests/README.md"} <= set(DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_named_test_exists(document: str) -> None:
    there = _tests_there()
    for name, cut in _TEST.findall((ROOT / document).read_text()):
        assert any(test.startswith(name) for test in there) if cut else name in there, name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_leads_to_a_file(document: str) -> None:
    folder = (ROOT / document).parent
    for target in _LINK.findall((ROOT / document).read_text()):
        assert (folder / target).exists(), target
