"""Writing answers: one JSON document, or text and tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import define

from shares_core.entrypoints.cli.errors import OutputFailed, PipeClosed, Report
from shares_core.entrypoints.cli.text import escaped, plain_fields, plain_table, printable

if TYPE_CHECKING:
    from rich.console import Console

_LONGEST_LINE = 100  # of moving lines


@define
class Output:
    """Where a command's answer goes. With ``json`` only one document reaches standard output."""

    json: bool = False
    answered: bool = False

    def answer(self, document: object, tell: Callable[[], None]) -> None:
        """Give the command's answer: the document, or what ``tell`` says."""
        if not self.json:
            tell()
        else:
            self.document(document)

    def document(self, document: object) -> None:
        """Write the JSON document, at most once."""
        if not self.answered:
            self.answered = True
            _write(json.dumps(document, indent=2, ensure_ascii=True) + "\n")

    def lines(self, *lines: str) -> None:
        """Lines for a person."""
        _write("".join(f"{escaped(line)}\n" for line in lines))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
        """A table, with lines on a terminal; without rows, the text ``empty``."""
        if not rows:
            self.lines(empty)
        elif on_terminal():
            _write(_rich_table(head, rows))
        else:
            self.lines(*plain_table([name.upper() for name in head], rows))

    def fields(self, fields: Iterable[tuple[str, str]]) -> None:
        """Names and values, one on each line; those without a value are left out."""
        self.lines(*plain_fields([(name, value) for name, value in fields if value]))

    def problem(self, found: Report) -> None:
        """Report an error: on standard error, and as the document if there was none yet."""
        complain(*found.lines())
        if self.json:
            self.document(found.document())


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def complain(*lines: str) -> None:
    """Print lines on standard error; ignore that it is closed."""
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return


def flush() -> None:
    """Flush what was written. Raises PipeClosed and OutputFailed."""
    _guarded(lambda: sys.stdout.flush())


def _write(text: str) -> None:
    _guarded(lambda: sys.stdout.write(text))


def _guarded(write: Callable[[], object]) -> None:
    if sys.stdout is None:  # closed by our parent
        return
    try:
        write()
    except BrokenPipeError as error:
        raise PipeClosed from error
    except (OSError, ValueError) as error:
        raise OutputFailed(f"the output cannot be written: {error}") from error


def _console() -> Console:
    """A rich console that prints every text as it is: no markup, no emoji, no guessing."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


@contextmanager
def moving_line(text: str) -> Iterator[Callable[[str], None]]:
    """A line on the terminal while something is being done. Yields a function that changes the line."""
    from rich.text import Text

    # As a Text: rich reads a plain string as markup here, whatever the console's settings.
    with _console().status(Text(_shortened(text))) as status:
        yield lambda line: status.update(Text(_shortened(line)))


def _shortened(line: str) -> str:
    text = printable(line)
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 3]}..."


_STYLES = {
    "running": "green", "ready": "green", "ok": "green",
    "stopped": "yellow", "note": "yellow", "unknown": "yellow", "extending": "yellow",
    "absent": "red", "failed": "red", "missing": "red",
}  # fmt: skip


def _rich_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", border_style="dim", pad_edge=False)
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell), style=_STYLES.get(cell, "")) for cell in row))
    screen = _console()
    with screen.capture() as captured:
        screen.print(table)
    return captured.get()
