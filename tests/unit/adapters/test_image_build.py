"""What a build reports, on a Docker that builds at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from attrs import define

from shares_core.adapters.containers.client import Docker
from shares_core.adapters.containers.image import LABEL_RECIPE, ImageBuilder, recipe_version

OWN_BASE = "shares-core-base:trixie"

VERSION = recipe_version("samba")


@define
class InstantDocker:
    """A daemon whose images are names with labels."""

    images: dict[str, dict[str, str]]

    @property
    def api(self) -> InstantDocker:
        return self

    def inspect_image(self, name: str) -> dict[str, Any]:
        from docker.errors import ImageNotFound

        if name not in self.images:
            raise ImageNotFound(name)
        return {"Config": {"Labels": self.images[name]}}

    def build(self, *, tag: str, buildargs: dict[str, str], **_: object) -> Iterator[dict[str, str]]:
        self.images[tag] = {LABEL_RECIPE: buildargs["RECIPE"]}
        yield {"stream": "Successfully built"}

    def prune_images(self, **_: object) -> None:
        """Nothing is ever left."""


def _built(labels: dict[str, str] | None, *, fresh: bool = False) -> tuple[bool, list[str]]:
    docker = InstantDocker({OWN_BASE: {}} | ({"samba": labels} if labels is not None else {}))
    lines: list[str] = []
    built = ImageBuilder(cast("Docker", docker), "samba", "samba").build(lines.append, fresh=fresh)
    assert {LABEL_RECIPE: VERSION} == docker.images["samba"]
    return built, lines


@pytest.mark.parametrize(
    ("labels", "fresh", "first"),
    [
        (None, False, f"building the image samba from recipe {VERSION}"),
        (None, True, f"building the image samba from recipe {VERSION}"),
        (
            {LABEL_RECIPE: "0123"},
            False,
            f"building the image samba from recipe {VERSION}; it was of 0123",
        ),
        ({}, False, f"building the image samba from recipe {VERSION}; it was of unknown"),
        ({LABEL_RECIPE: VERSION}, True, "building the image samba anew"),
    ],
)
def test_a_build_first_says_what_it_does(labels: dict[str, str] | None, fresh: bool, first: str) -> None:
    """Not which command is already under way."""
    built, lines = _built(labels, fresh=fresh)
    assert built
    assert first == lines[0]
    assert not any("shares-core image build" in line for line in lines)


def test_a_build_of_a_current_image_says_nothing_itself() -> None:
    """Its return value tells; the caller reports it, once."""
    assert (False, []) == _built({LABEL_RECIPE: VERSION})
