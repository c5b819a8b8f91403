from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shares_core.adapters.containers.base_image import follow, progress_lines
from shares_core.adapters.containers.image import (
    LABEL_RECIPE,
    ImageStatus,
    build_context,
    judge,
    recipe_dir,
    recipe_files,
    recipe_version,
    version_of,
)
from shares_core.domain.errors import BackendFailure

FILES = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.binary(max_size=8), max_size=4)


@given(FILES, FILES)
def test_a_version_tells_recipes_apart(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    """Two recipes have one version exactly when their files have the same names and contents."""
    assert (one == other) == (version_of(one) == version_of(other))


def test_a_version_does_not_depend_on_the_order_of_files() -> None:
    """The order in which a folder lists its files is not part of the recipe."""
    assert version_of({"a": b"1", "b": b"2"}) == version_of({"b": b"2", "a": b"1"})


def test_moving_a_byte_between_name_and_content_changes_the_version() -> None:
    """Names and contents are hashed separately."""
    assert version_of({"a": b"bc"}) != version_of({"ab": b"c"})


def test_editors_leave_the_recipe_as_it_is(tmp_path: Path) -> None:
    """Hidden files, backups and folders are not part of the recipe."""
    (tmp_path / "Dockerfile").write_bytes(b"FROM x")
    (tmp_path / "Dockerfile~").write_bytes(b"old")
    (tmp_path / ".Dockerfile.swp").write_bytes(b"swap")
    (tmp_path / "folder").mkdir()
    expected = {"Dockerfile": b"FROM x"}
    assert expected == recipe_files(tmp_path)


def test_the_library_finds_its_own_recipe() -> None:
    """The recipe exists, with all that its Dockerfile copies."""
    expected = ["Dockerfile", "agent", "empty-bins", "entrypoint", "slim"]
    assert expected == sorted(recipe_files(recipe_dir("samba")))
    assert version_of(recipe_files(recipe_dir("samba"))) == recipe_version("samba")


def test_scripts_of_the_recipe_name_their_interpreter() -> None:
    """Each script names its interpreter."""
    files = recipe_files(recipe_dir("samba"))
    scripts = {name: content for name, content in files.items() if name != "Dockerfile"}
    bash, sh = b"#!/bin/bash", b"#!/bin/sh"
    assert {"agent": bash, "empty-bins": bash, "entrypoint": sh, "slim": sh} == {
        name: content.splitlines()[0] for name, content in scripts.items()
    }


@given(FILES)
def test_the_build_context_holds_the_recipe_and_is_reproducible(files: dict[str, bytes]) -> None:
    """Docker gets each file as it is, executable, and the same bytes every time."""
    with tarfile.open(fileobj=io.BytesIO(build_context(files))) as archive:
        members = archive.getmembers()
        found = {member.name: (archive.extractfile(member) or io.BytesIO()).read() for member in members}
    assert files == found
    assert {0o755} >= {member.mode for member in members}
    assert build_context(files) == build_context(dict(reversed(files.items())))


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        (None, ImageStatus.MISSING),
        ({}, ImageStatus.STALE),
        ({LABEL_RECIPE: "0123"}, ImageStatus.STALE),
        ({LABEL_RECIPE: "4567", "other": "0123"}, ImageStatus.CURRENT),
    ],
)
def test_an_image_is_current_only_with_the_wanted_label(
    labels: dict[str, str] | None, status: ImageStatus
) -> None:
    """No image is missing; an image with another label or none is stale."""
    assert status == judge("samba", "4567", labels).status


def test_a_stale_image_is_named_with_both_versions() -> None:
    """A stale image's message names the image, what it was built from and what is wanted."""
    expected = "the image samba was built from recipe 0123, this version of shares-core wants 4567"
    assert expected == judge("samba", "4567", {LABEL_RECIPE: "0123"}).message


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        ({"stream": "Step 1/13 : ARG BASE=debian:trixie-slim"}, ("Step 1/13 : ARG BASE=debian:trixie-slim",)),
        ({"stream": "\n"}, ()),
        ({"stream": "Reading package lists...\nDone\n"}, ("Reading package lists...", "Done")),
        ({"status": "Pulling from library/debian", "id": "trixie-slim"}, ("Pulling from library/debian",)),
        ({"status": "Downloading", "progressDetail": {"current": 1, "total": 9}, "id": "a5ff"}, ()),
        ({"aux": {"ID": "sha256:77e3"}}, ()),
    ],
)
def test_progress_shows_lines_and_no_byte_counts(message: dict[str, object], lines: tuple[str, ...]) -> None:
    """People see the daemon's lines of text, not each step of a download."""
    assert lines == progress_lines(message)


def test_a_failed_build_says_what_the_daemon_said_last() -> None:
    """The error carries the last lines, and people have seen them as they came."""
    shown: list[str] = []
    messages: list[dict[str, object]] = [
        {"stream": "Step 5/13 : RUN apt-get update"},
        {"stream": "E: Unable to locate package samba\n"},
        {"errorDetail": {"code": 100}, "error": "The command returned a non-zero code: 100"},
        {"stream": "never read"},
    ]
    with pytest.raises(BackendFailure) as failure:
        follow(iter(messages), shown.append, "the image could not be built", "look")
    expected = (
        "the image could not be built: Step 5/13 : RUN apt-get update | E: Unable to locate package samba | "
        "The command returned a non-zero code: 100"
    )
    seen = ["Step 5/13 : RUN apt-get update", "E: Unable to locate package samba"]
    assert (expected, "look", seen) == (failure.value.message, failure.value.hint, shown)
