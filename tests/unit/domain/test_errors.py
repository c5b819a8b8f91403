from __future__ import annotations

import re
from collections.abc import Iterator

from shares_core.domain import errors
from shares_core.domain.errors import CommandFailed, NotFound, RecordUnreadable, SharesError


def tree(root: type[SharesError] = SharesError) -> Iterator[type[SharesError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def test_the_docstring_draws_every_error() -> None:
    """The drawn tree is the defined one."""
    assert errors.__doc__ is not None
    drawn = re.findall(r"^ {4}(?:[│ ]*[├└]── )?([A-Z]\w+)", errors.__doc__, re.MULTILINE)
    assert [kind.__name__ for kind in tree()] == drawn


def test_every_error_has_a_code_that_is_its_name() -> None:
    """Codes are stable, unique, and the class's name in snake case."""
    for kind in tree():
        assert re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower() == kind.code


def test_a_failed_command_has_a_message_of_one_line() -> None:
    """The message has the program and the end of its output."""
    error = CommandFailed(("mkfs.ext4", "-q"), 1, "first\nlast line\n")
    assert "mkfs.ext4 failed with status 1: first last line" == str(error)
    assert "mkfs.ext4 did not end in time" == str(CommandFailed(("mkfs.ext4",), None, ""))


def test_an_error_carries_fields_for_programs() -> None:
    """Kind, name, path and hint need not be read out of the message."""
    error = NotFound("share", "x", where="server 'a'", hint="look")
    assert ("share", "x", "look") == (error.kind, error.name, error.hint)
    assert "there is no share 'x' on server 'a'" == str(error)
    assert "/r/1.json" == RecordUnreadable("/r/1.json", "truncated").path
