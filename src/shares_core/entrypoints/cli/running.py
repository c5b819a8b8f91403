"""Running one command and finding its exit status: errors, signals and closed pipes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from shares_core.entrypoints.cli.errors import (
    BROKEN_PIPE,
    UNEXPECTED,
    OutputFailed,
    PipeClosed,
    Report,
    bad_usage,
    report,
    unreadable_output,
)
from shares_core.entrypoints.cli.invocation import Invocation
from shares_core.entrypoints.cli.output import complain, flush
from shares_core.entrypoints.cli.text import printable

_FATAL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DEFAULT = (signal.SIG_DFL, signal.default_int_handler)
_TRY_AGAIN = 0.01  # seconds


class Terminated(KeyboardInterrupt):
    """A signal asked the process to end. Raised, so that whatever is half-made is undone."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number


def run(root: click.Group, arguments: list[str], invocation: Invocation) -> int:
    """Run the command that the arguments name. Returns its exit status; raises nothing."""
    try:
        with _signals_raise():
            status = _run(root, arguments, invocation)
            flush()
            return status
    except PipeClosed:
        _forget_output()
        return BROKEN_PIPE
    except OutputFailed as error:
        _forget_output()
        problem = unreadable_output(error)
        complain(*problem.lines())
        return problem.status


def _run(root: click.Group, arguments: list[str], invocation: Invocation) -> int:
    try:
        with root.make_context("shares-core", list(arguments), obj=invocation) as context:
            root.invoke(context)
            return 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        if "--json" in arguments:  # it may not have read the option yet
            invocation.out.json = True
        return _tell(invocation, _usage(error))
    except (PipeClosed, OutputFailed):
        raise
    except (KeyboardInterrupt, click.Abort) as error:
        number = error.number if isinstance(error, Terminated) else signal.SIGINT
        what = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
        notes = tuple(printable(note) for note in getattr(error, "__notes__", ()))
        return _tell(invocation, Report(128 + number, "interrupted", what, notes=notes))
    except Exception as error:  # noqa: BLE001 - the outermost edge: whatever it is, it becomes an exit status
        found = report(error, invocation.command)
        if invocation.verbose and found.status == UNEXPECTED:
            complain(*traceback.format_exception(error))
        return _tell(invocation, found)


def _tell(invocation: Invocation, found: Report) -> int:
    invocation.out.problem(found)
    return found.status


def _usage(error: click.ClickException) -> Report:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "shares-core"
    return bad_usage(error.format_message(), f"'{path} --help' shows how")


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Make signals that end the process raise Terminated; ignored signals (nohup) stay ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    process = os.getpid()
    waiting: list[int] = []

    def terminate(number: int, frame: FrameType | None) -> None:
        # pyroute2 forks for each namespace that it enters, and ends the child with SIGTERM. Raising in the
        # child would unwind its copy of this stack, and undo what the parent is making.
        if os.getpid() != process:
            os._exit(128 + number)
        # An interrupted import leaves a broken module, and undoing may need it.
        if _importing(frame):
            waiting.append(number)
            signal.setitimer(signal.ITIMER_REAL, _TRY_AGAIN)
            return
        raise Terminated(number)

    def try_again(_: int, frame: FrameType | None) -> None:
        if waiting:
            terminate(waiting.pop(), frame)

    before = {number: signal.getsignal(number) for number in (*_FATAL, signal.SIGALRM)}
    signal.signal(signal.SIGALRM, try_again)
    for number in _FATAL:
        if before[number] in _DEFAULT:
            signal.signal(number, terminate)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _forget_output() -> None:
    """Point standard output at /dev/null, so that the interpreter's final flush is quiet."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
