"""Click commands that accept the global options in any position."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shares_core.entrypoints.cli.errors import INVALID
from shares_core.entrypoints.cli.invocation import Invocation

_ELSEWHERE = "The global options (see 'shares-core --help') may stand here too."


def _invocation(context: click.Context) -> Invocation:
    found = context.find_object(Invocation)
    if found is None:
        raise RuntimeError("a command ran outside of main()")
    return found


def _keep_config(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        _invocation(context).config_file = value


def _keep_state_dir(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        _invocation(context).state_dir = value


def _keep_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        _invocation(context).out.json = True


def _keep_verbose(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        _invocation(context).verbose = True


def global_options(*, hidden: bool) -> list[click.Parameter]:
    """The four global options, for each level of the command line."""
    path: dict[str, Any] = {
        "type": click.Path(path_type=Path, readable=False),
        "expose_value": False,
        "hidden": hidden,
    }
    flag: dict[str, Any] = {"is_flag": True, "is_eager": True, "expose_value": False, "hidden": hidden}
    config = "Read this TOML file, not /etc/shares-core.toml."
    state_dir = "Keep the state here, not in /var/lib/shares-core."
    as_json = "Write one JSON document to standard output, and nothing else."
    verbose = "Tell on standard error what happens meanwhile."
    return [
        click.Option(["--config"], metavar="FILE", callback=_keep_config, help=config, **path),
        click.Option(["--state-dir"], metavar="DIR", callback=_keep_state_dir, help=state_dir, **path),
        click.Option(["--json"], callback=_keep_json, help=as_json, **flag),
        click.Option(["-v", "--verbose"], callback=_keep_verbose, help=verbose, **flag),
    ]


class Command(click.Command):
    """A command that accepts the global options after its name too."""

    def __init__(self, name: str | None, **attributes: Any) -> None:
        attributes["params"] = [*(attributes.get("params") or []), *global_options(hidden=True)]
        super().__init__(name, **attributes)

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Keep examples as written; click would wrap them into one paragraph."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write("Examples:\n")
            for line in self.epilog.splitlines():
                formatter.write(f"  {line}\n")
        formatter.write_paragraph()
        formatter.write_text(_ELSEWHERE)


@click.pass_context
def _help_without_command(context: click.Context) -> None:
    if context.invoked_subcommand is not None:
        return
    if _invocation(context).out.json:
        raise click.UsageError("a command is missing", context)
    click.echo(context.get_help())
    if context.parent is not None:
        context.exit(INVALID)


class Group(click.Group):
    """A group of such commands, in the order of their definition; without a command it prints its help."""

    command_class = Command
    group_class = type

    def __init__(self, name: str | None = None, *, root: bool = False, **attributes: Any) -> None:
        attributes["params"] = [*(attributes.get("params") or []), *global_options(hidden=not root)]
        attributes["no_args_is_help"] = False
        attributes["invoke_without_command"] = True
        attributes["callback"] = _help_without_command
        super().__init__(name, **attributes)

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)
