"""Errors in another process."""

from __future__ import annotations

import pickle

import pytest
from tests.unit.errors import EVERY_ERROR, parts

from shares_core.domain.errors import BackendFailure, SharesError


def _elsewhere(error: SharesError) -> SharesError:
    """The error in another process."""
    arrived: SharesError = pickle.loads(pickle.dumps(error))  # noqa: S301 - what is read was written here
    return arrived


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: error.code)
def test_an_error_is_the_same_after_pickle(error: SharesError) -> None:
    """Fields, hint, notes and the cause's text; it does not need the arguments of its constructor."""
    assert parts(error) == parts(_elsewhere(error))


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: error.code)
def test_an_errors_fields_are_those_that_its_class_annotates(error: SharesError) -> None:
    """Otherwise the codec would leave some out."""
    annotated = {name for kind in type(error).__mro__ for name in vars(kind).get("__annotations__", ())}
    assert vars(error).keys() - {"__notes__"} == annotated - {"code"}


def test_a_cause_is_one_line_after_any_number_of_processes() -> None:
    """With its own message if it is ours, with its class if it is another library's."""
    error = BackendFailure("no")
    assert error.cause == ""
    error.__cause__ = OSError("disk on fire")
    assert error.cause == "OSError: disk on fire"
    assert _elsewhere(_elsewhere(error)).cause == "OSError: disk on fire"
    error.__cause__ = BackendFailure("Docker is on fire")
    assert error.cause == "Docker is on fire"
