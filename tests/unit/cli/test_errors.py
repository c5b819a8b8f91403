"""The output and exit status of a command that does not do what it should."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.terminal import Terminal

from shares_core.bootstrap import Host, host
from shares_core.config import HostConfig
from shares_core.domain import errors
from shares_core.entrypoints.cli.errors import report
from shares_core.ports import Events
from shares_core.testing import FaultPlan, memory_ports

ERRORS: tuple[tuple[errors.SharesError, int], ...] = (
    (errors.InvalidInput("m", hint="h"), 2),
    (errors.NotFound("server", "x"), 3),
    (errors.Conflict("m"), 4),
    (errors.AlreadyExists("server", "x", "d", hint="h"), 4),
    (errors.AddressTaken("10.0.0.1", "b", "h"), 4),
    (errors.NotEmpty("m"), 4),
    (errors.WouldLoseData("m", 1), 4),
    (errors.Busy("m"), 4),
    (errors.Cancelled("m"), 4),
    (errors.NoCapacity("m"), 5),
    (errors.HostNotReady("m"), 6),
    (errors.BackendFailure("m"), 7),
    (errors.CommandFailed(("mkfs",), 1, "said"), 7),
    (errors.OnlineGrowRefused("m"), 7),
    (errors.ShareDamaged("it broke"), 7),
    (errors.ShareFailed("m"), 7),
    (errors.RecordUnreadable("/r", "w"), 7),
    (errors.SharesError("m"), 7),
)


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=[type(e).__name__ for e, _ in ERRORS])
def test_every_error_has_its_exit_status(terminal: Terminal, error: errors.SharesError, status: int) -> None:
    terminal.fail_with(error)
    result = terminal("server", "list")
    assert (status, "") == (result.status, result.out)
    hint = [f"hint: {error.hint}"] if error.hint else []
    assert [f"error: {error.message}", *hint] == result.err.splitlines()


def test_every_error_of_the_tree_is_among_those_tried() -> None:
    def below(kind: type[errors.SharesError]) -> set[type[errors.SharesError]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    tried = {type(error) for error, _ in ERRORS}
    assert {kind for kind in below(errors.SharesError) if kind.__module__ == errors.__name__} == tried


def test_notes_come_last(terminal: Terminal) -> None:
    error = errors.BackendFailure("it broke", hint="mend it")
    error.add_note("undoing it failed too:\n  no disk")
    terminal.fail_with(error)
    expected = ["error: it broke", "hint: mend it", "note: undoing it failed too: no disk"]
    assert expected == terminal("server", "list").err.splitlines()


def test_with_json_the_error_is_the_document(terminal: Terminal) -> None:
    result = terminal("--json", "server", "show", "nobody")
    assert 3 == result.status
    hint = f"'shares-core --state-dir {terminal.state_dir} server list' lists those that are there"
    error = {"code": "not_found", "message": "there is no server 'nobody'", "hint": hint, "notes": []}
    assert {"error": error} == result.document
    assert ["error: there is no server 'nobody'", f"hint: {hint}"] == result.err.splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        ("server", "nonsense"),
        ("nonsense",),
        ("--nonsense",),
        ("server", "show"),
        ("share", "create", "a", "b"),
        ("server", "create", "a", "--mtu", "large"),
        ("access", "replace", "a", "b"),
        ("access", "replace", "a", "b", "c=rw", "--nobody"),
    ],
)
def test_a_wrong_command_line_is_bad_input(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    result = terminal(*arguments)
    assert (2, "") == (result.status, result.out)
    error, hint = result.err.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: 'shares-core")


@pytest.mark.parametrize("arguments", [("server", "nonsense", "--json"), ("--json", "server"), ("--json",)])
def test_a_wrong_command_line_gives_a_document_too(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    result = terminal.bare(*arguments)
    assert (2, "usage") == (result.status, result.document["error"]["code"])


def test_an_unexpected_error_is_reported_without_a_traceback(terminal: Terminal) -> None:
    terminal.fail_with(ZeroDivisionError("division\nby \x1b[31mzero"))
    result = terminal("server", "list")
    assert (70, "") == (result.status, result.out)
    assert r"error: unexpected: ZeroDivisionError: division by \x1b[31mzero" == result.err.splitlines()[0]
    assert "-v" in result.err.splitlines()[1]
    assert "Traceback" not in result.err


def test_verbose_prints_the_traceback_of_an_unexpected_error(terminal: Terminal) -> None:
    terminal.fail_with(ZeroDivisionError("division by zero"))
    assert "Traceback" in terminal("-v", "server", "list").err
    terminal.fail_with(errors.BackendFailure("it broke"))
    assert "Traceback" not in terminal("-v", "server", "list").err


def test_a_file_that_may_not_be_read_is_a_host_that_is_not_ready(terminal: Terminal) -> None:
    terminal.fail_with(PermissionError(13, "Permission denied", "/var/lib/shares-core/records"))
    result = terminal("server", "list")
    assert 6 == result.status
    assert result.err.startswith("error: not permitted: ")


def test_without_root_what_changes_the_host_is_refused(served: Terminal) -> None:
    served.use(is_root=lambda: False)
    for words in (
        ("server", "create", "b"),
        ("server", "delete", "tenant", "--with-shares"),
        ("share", "delete", "tenant", "files"),
        ("access", "allow", "tenant", "files", "ada"),
        ("user", "remove", "tenant", "ada"),
        ("reconcile",),
        ("demo",),
    ):
        result = served(*words)
        assert (6, "") == (result.status, result.out)
        assert "error: changing the host needs root" == result.err.splitlines()[0]
        assert "root" in result.err.splitlines()[1]
    assert 0 == served("server", "list").status  # the folder is this user's own, so reading works


def test_without_root_bad_input_is_reported_first(terminal: Terminal) -> None:
    terminal.use(is_root=lambda: False)
    assert 2 == terminal("share", "create", "a", "b", "--size", "1GB").status
    assert 2 == terminal("server", "create", "a", "--address", "nonsense").status


def test_a_state_folder_that_is_root_s_alone_is_named(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.use(is_root=lambda: False)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    result = terminal("server", "list")
    assert 6 == result.status
    assert f"error: the state folder {terminal.state_dir} can be read by root only" in result.err


@pytest.fixture(autouse=True)
def _as_at_a_terminal() -> Iterator[None]:
    """Handle signals as at a terminal: under nohup SIGHUP stays ignored, which is not tested here."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, "error: interrupted\n"),
        (signal.SIGTERM, 143, "error: ended by SIGTERM\n"),
        (signal.SIGHUP, 129, "error: ended by SIGHUP\n"),
    ],
)
def test_a_signal_undoes_what_is_half_made(
    terminal: Terminal, number: signal.Signals, status: int, said: str
) -> None:
    """The half-made server is gone, and the handlers are what they were."""
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    def strike(call: Any, proceed: Any) -> Any:
        if str(call) == "runtime.start":
            os.kill(os.getpid(), number)
        return proceed()

    _with_faults(terminal, strike)
    result = terminal("server", "create", "tenant")
    assert (status, "", said) == (result.status, result.out, result.err)
    assert {} == terminal.world.leftovers()
    assert before == [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


def test_an_import_is_not_interrupted(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half-imported module stays broken: the signal takes effect once the import is done."""
    source = "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nwhole = True\n"
    (tmp_path / "struck_while_imported.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    def strike(call: Any, proceed: Any) -> Any:
        if str(call) == "runtime.start":
            assert importlib.import_module("struck_while_imported").whole
            signal.pause()
        return proceed()

    _with_faults(terminal, strike)
    result = terminal("server", "create", "tenant")
    assert (143, "error: ended by SIGTERM\n") == (result.status, result.err)
    assert {} == terminal.world.leftovers()


def test_a_forked_child_that_is_ended_undoes_nothing(terminal: Terminal) -> None:
    """pyroute2 forks, and ends its child with SIGTERM: the child must not undo its parent's work."""
    statuses = []

    def fork(call: Any, proceed: Any) -> Any:
        if str(call) == "network.plug":
            child = os.fork()
            if child == 0:
                os.kill(os.getpid(), signal.SIGTERM)
                os._exit(99)
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return proceed()

    _with_faults(terminal, fork)
    terminal.ok("server", "create", "tenant")
    assert [128 + signal.SIGTERM] == statuses


def test_a_reader_that_has_gone_is_ignored(served: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys.stdout, "write", gone)
    result = served("server", "list")
    assert (141, "") == (result.status, result.err)


def test_a_full_disk_under_the_output_is_told(served: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.stdout, "write", full)
    result = served("server", "list")
    assert 70 == result.status
    assert result.err.startswith("error: the output cannot be written: ")


def test_a_broken_pipe_of_the_host_is_not_taken_for_the_reader(terminal: Terminal) -> None:
    terminal.fail_with(BrokenPipeError(32, "Broken pipe"))
    assert 70 == terminal("server", "list").status


def test_no_answer_can_move_the_cursor() -> None:
    """A backend's words reach the screen as printable text on one line."""
    found = report(errors.BackendFailure("smbd said:\n\x1b]0;owned\x07 \u202egnp.exe", hint="a\r\nb"))
    assert (r"smbd said: \x1b]0;owned\x07 \u202egnp.exe", "a b") == (found.message, found.hint)


def _with_faults(terminal: Terminal, plan: Any) -> None:
    def open_host(config: HostConfig, events: Events) -> Host:
        return host(memory_ports(terminal.world.machine, faults=plan, events=events), config.network)

    terminal.use(open_host=open_host)


def test_an_error_after_which_undoing_failed_too_says_so(terminal: Terminal) -> None:
    plan = FaultPlan().on("runtime.start").on("runtime.remove", skip=2)
    _with_faults(terminal, plan)
    result = terminal("server", "create", "tenant")
    assert 7 == result.status
    assert result.err.splitlines()[-1].startswith("note: undoing it failed too")
