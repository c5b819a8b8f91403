"""``docs/conformance.md``, rendered from the results."""

from __future__ import annotations

from collections.abc import Iterable

from tools.conformance.reasons import BY_DESIGN, TIMING, reason
from tools.conformance.record import Record, passed
from tools.conformance.suites import LEFT_OUT

_HEAD = """\
# Conformance

What Samba's own test program says of a server of ours, beside a plain Samba: `./dev conformance` made this page on {date}, with
`smbtorture` {torture} and Samba {samba} on both sides. The plain one is of the same image, runs as root with `acl_xattr` and
`streams_xattr`, encrypts nothing that its client does not ask for, and has nothing else set. Each suite begins with an empty share.

Of {there} tests that pass on the plain one, {here} pass here. Of the other {lacking}, {by_design} fail by design, and
**{left} for another reason**. {more} pass here and not there.

| suite | passes here | passes on the plain one | tests |
|---|---|---|---|
{rows}
"""
_RELAXED = """
## On a server with `--encryption desired`

These suites open sessions without encryption, which a server refuses unless it is told otherwise.

| suite | passes | passes on the plain one |
|---|---|---|
{rows}
"""
_LACKING = """
## What fails here and passes there

| test | why | what smbtorture says |
|---|---|---|
{rows}
"""
_LEFT_OUT = """
## What is not run

| suite | why |
|---|---|
{rows}
"""
_TIMING = """
## What depends on timing

These are run and shown, and never judged.

| test | why |
|---|---|
{rows}
"""


def render(record: Record) -> str:
    """The page."""
    lacking = {suite: record.lacking(suite) for suite in record.plain}
    why = {test: reason(test) for found in lacking.values() for test in found}
    by_design = sum(text in BY_DESIGN for text in why.values())
    there = sum(map(passed, record.plain.values()))
    both = there - len(why)
    head = _HEAD.format(
        date=record.date,
        torture=record.torture,
        samba=record.samba,
        here=both,
        there=there,
        lacking=len(why),
        by_design=by_design,
        left=len(why) - by_design,
        more=sum(len(record.added(suite)) for suite in record.ours),
        rows=_rows(
            (suite, passed(record.ours[suite]), passed(results), len(results))
            for suite, results in record.plain.items()
        ),
    )
    relaxed = _RELAXED.format(
        rows=_rows((s, passed(results), passed(record.plain[s])) for s, results in record.relaxed.items())
    )
    failing = _LACKING.format(
        rows=_rows(
            (f"`{test}`", why[test] or "**not known**", f"`{result.said[-120:]}`")
            for found in lacking.values()
            for test, result in found.items()
        )
    )
    parts = [
        head,
        *([relaxed] if record.relaxed else []),
        failing,
        _LEFT_OUT.format(rows=_rows(LEFT_OUT.items())),
    ]
    if TIMING:
        parts.append(_TIMING.format(rows=_rows((f"`{test}`", text) for test, text in TIMING.items())))
    return "".join(parts)


def _rows(rows: Iterable[Iterable[object]]) -> str:
    return "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)


def _cell(value: object) -> str:
    return str(value).replace("|", "/")
