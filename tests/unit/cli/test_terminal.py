"""The output on a terminal, instead of plain lines."""

from __future__ import annotations

import pytest
from tests.unit.cli.terminal import Terminal

from shares_core.domain.findings import Finding, Verdict
from shares_core.entrypoints.cli import output


@pytest.fixture
def screen(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for module in ("output", "image", "demo_steps"):
        monkeypatch.setattr(f"shares_core.entrypoints.cli.{module}.on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    return terminal


def test_a_table_prints_markup_and_control_characters_as_text(screen: Terminal) -> None:
    screen.findings = (Finding("[bold]x[/y]", Verdict.OK, "\x1b[2J :smile: 10.0.0.1"),)
    out = screen.ok("doctor").out
    assert "[bold]x[/y]" in out
    assert r"\x1b[2J :smile: 10.0.0.1" in out


def test_a_moving_line_prints_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    with output.moving_line("[/start]") as change:
        change("[/red] Step 1/2 \x1b[2J" + "x" * 200)
    assert "\x1b[2J" not in capsys.readouterr().out


def test_image_build_and_demo_run_on_a_terminal(screen: Terminal) -> None:
    assert "was built in " in screen.ok("image", "build").out
    assert "17 steps in " in screen.ok("demo").out
