"""The global options, in every position."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from tests.settings import size_of
from tests.unit.cli.terminal import Terminal

from shares_core.config import HostConfig
from shares_core.domain.capacity import GIB, Capacity
from shares_core.domain.errors import NotFound
from shares_core.domain.findings import Finding, Verdict
from shares_core.domain.remedy import Call, Remedy, UseCase
from shares_core.entrypoints.cli.remedies import worded


@pytest.mark.parametrize("position", range(3))
def test_json_is_taken_anywhere(served: Terminal, position: int) -> None:
    words = ["server", "list"]
    words.insert(position, "--json")
    assert "tenant" == served.ok(*words).document[0]["name"]


@pytest.mark.parametrize("position", range(3))
def test_a_configuration_is_taken_anywhere(terminal: Terminal, tmp_path: Path, position: int) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[pool]\nsize = "7GiB"\n')
    words = ["pool", "show"]
    words[position:position] = ["--config", str(file)]
    terminal.ok(*words)
    assert Capacity(7 * GIB) == size_of(terminal.configs[-1])


@pytest.mark.parametrize("position", range(3))
def test_a_state_folder_is_taken_anywhere(terminal: Terminal, tmp_path: Path, position: int) -> None:
    words = ["pool", "show"]
    words[position:position] = ["--state-dir", str(tmp_path / "mine")]
    assert 0 == terminal.bare(*words).status
    assert tmp_path / "mine" == terminal.configs[-1].state_dir


def test_the_innermost_of_two_options_counts(terminal: Terminal, tmp_path: Path) -> None:
    terminal.bare("--state-dir", "/one", "pool", "--state-dir", "/two", "show", "--state-dir", str(tmp_path))
    assert tmp_path == terminal.configs[-1].state_dir


@pytest.mark.parametrize("position", range(3))
def test_verbose_is_taken_anywhere_and_tells_events_on_standard_error(
    served: Terminal, position: int
) -> None:
    words = ["server", "start", "tenant"]
    words.insert(position, "-v")
    result = served(*words)
    assert (0, "  server up: tenant\n") == (result.status, result.err)
    assert "server tenant is running\n" == result.out


def test_a_quiet_command_tells_no_events(served: Terminal) -> None:
    served.ok("server", "start", "tenant")


def test_the_default_configuration_counts_if_it_exists(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "default.toml"
    file.write_text('[pool]\nsize = "5GiB"\n')
    terminal.use(default_config=file)
    terminal.ok("pool", "show")
    assert Capacity(5 * GIB) == size_of(terminal.configs[-1])


def test_without_a_configuration_the_defaults_count(terminal: Terminal) -> None:
    assert 0 == terminal.bare("pool", "show").status
    assert [HostConfig()] == terminal.configs


def test_a_named_configuration_must_exist(terminal: Terminal, tmp_path: Path) -> None:
    result = terminal("pool", "show", "--config", str(tmp_path / "nowhere.toml"))
    assert (2, "") == (result.status, result.out)
    assert result.err.startswith("error: the configuration ")
    assert [] == terminal.configs


def test_commands_to_paste_name_the_same_installation(terminal: Terminal, tmp_path: Path) -> None:
    out = terminal.ok("server", "create", "tenant").out
    assert f"--state-dir {tmp_path} share create tenant SHARE --size 1GiB\n" in out


@pytest.mark.parametrize(
    ("remedy", "told"),
    [
        (Remedy.of(Call(UseCase.SERVERS_LIST), " lists them"), "'shares-core {} server list' lists them"),
        (
            Remedy.of("do ", Call(UseCase.SERVERS_STOP, ("a b",)), ", then ", Call(UseCase.RECONCILE)),
            "do 'shares-core {} server stop 'a b'', then 'shares-core {} reconcile'",
        ),
        (Remedy.of(Call(UseCase.BUILD_IMAGE)), "shares-core {} image build"),
        (Remedy.of(Call(UseCase.EXAMINE, as_root=True)), "sudo shares-core {} doctor"),
        (Remedy.of("this is a fault in shares-core: report it"), "this is a fault in shares-core: report it"),
        (Remedy.of("see 'shares-core list'"), "see 'shares-core list'"),
    ],
)
def test_commands_in_hints_name_the_same_installation(
    terminal: Terminal, tmp_path: Path, remedy: Remedy, told: str
) -> None:
    """Pasted into a shell, they use the installation of the error; other words stay."""
    file = tmp_path / "it's mine.toml"
    file.write_text("")
    terminal.fail_with(NotFound("server", "x", hint=remedy))
    result = terminal("server", "list", "--config", str(file), "--json")
    options = f"--config {shlex.quote(str(file))} --state-dir {tmp_path}"
    expected = told.replace("{}", options)
    assert expected == result.document["error"]["hint"]
    assert f"hint: {expected}" == result.err.splitlines()[-1]
    assert worded(remedy) == terminal.bare("server", "list", "--json").document["error"]["hint"]


BUILD = Remedy.of(Call(UseCase.BUILD_IMAGE))


def test_doctor_mends_the_same_installation(terminal: Terminal, tmp_path: Path) -> None:
    terminal.findings = (Finding("image", Verdict.MISSING, "it is missing", BUILD),)
    assert f"  image  shares-core --state-dir {tmp_path} image build\n" in terminal("doctor").out
    (document,) = terminal("doctor", "--json").document
    assert f"shares-core --state-dir {tmp_path} image build" == document["mend"]
