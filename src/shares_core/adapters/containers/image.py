"""The image of share servers: its recipe, its state in Docker, and building it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from shares_core.adapters.containers.base_image import Progress, find_image, follow, provide_base, received
from shares_core.adapters.containers.errors import docker_errors
from shares_core.domain.errors import HostNotReady, SharesError
from shares_core.domain.remedy import Call, Remedy, UseCase

if TYPE_CHECKING:
    from docker import APIClient

    from shares_core.adapters.containers.client import Docker

LABEL_RECIPE = "shares-core.recipe"
_LABEL_STAGE = "shares-core.stage"
#: What makes the image, or makes it anew.
BUILD = Remedy.of(Call(UseCase.BUILD_IMAGE))
# Docker may be silent for long, while it copies a whole root file system.
_BUILD_SECONDS = 1800


def recipe_dir(recipe: str) -> Path:
    """The folder of a recipe's Dockerfile, in the package or in the repository."""
    package = Path(__file__).parents[2]
    packaged = package / "images" / recipe
    return packaged if packaged.is_dir() else package.parents[1] / "images" / recipe


def recipe_files(folder: Path) -> dict[str, bytes]:
    """The recipe's files by name, without hidden files and editors' backups."""
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith("~")
    }


def version_of(files: Mapping[str, bytes]) -> str:
    """A recipe's version: 12 hexadecimal digits over its files' names and contents."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        for part in (name.encode(), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:12]


def recipe_version(recipe: str) -> str:
    """The version of this library's recipe."""
    return version_of(recipe_files(recipe_dir(recipe)))


class ImageStatus(StrEnum):
    """Whether Docker has the image that this library wants."""

    CURRENT = "current"
    STALE = "stale"
    MISSING = "missing"


@frozen
class ImageState:
    """The image as Docker has it: ``found`` is its recipe's version, empty if the image does not exist."""

    name: str
    wanted: str
    found: str
    status: ImageStatus

    @property
    def message(self) -> str:
        """One line for people."""
        match self.status:
            case ImageStatus.MISSING:
                return f"the image {self.name} is missing"
            case ImageStatus.STALE:
                found = self.found or "unknown"
                return (
                    f"the image {self.name} was built from recipe {found}, this version of shares-core wants "
                    f"{self.wanted}"
                )
            case ImageStatus.CURRENT:
                return f"the image {self.name} is current (recipe {self.wanted})"

    @property
    def plan(self) -> str:
        """What a build will do, in one line for people."""
        match self.status:
            case ImageStatus.MISSING:
                return f"building the image {self.name} from recipe {self.wanted}"
            case ImageStatus.STALE:
                found = self.found or "unknown"
                return f"building the image {self.name} from recipe {self.wanted}; it was of {found}"
            case ImageStatus.CURRENT:
                return f"building the image {self.name} anew"


def judge(name: str, wanted: str, labels: Mapping[str, str] | None) -> ImageState:
    """The state of the image with these labels; None means that it does not exist."""
    if labels is None:
        return ImageState(name, wanted, "", ImageStatus.MISSING)
    found = labels.get(LABEL_RECIPE, "")
    return ImageState(name, wanted, found, ImageStatus.CURRENT if found == wanted else ImageStatus.STALE)


def image_state(client: APIClient, name: str, recipe: str) -> ImageState:
    """What Docker has under ``name``, and whether it is this library's version of ``recipe``.

    Raises HostNotReady or BackendFailure if Docker does not say.
    """
    image = find_image(client, name)
    labels = None if image is None else ((image.get("Config") or {}).get("Labels") or {})
    return judge(name, recipe_version(recipe), labels)


def require_image(client: APIClient, name: str, recipe: str, *, stale_ok: bool = False) -> None:
    """Raise HostNotReady unless the image exists, and is current or ``stale_ok``."""
    state = image_state(client, name, recipe)
    if state.status is ImageStatus.MISSING or (state.status is ImageStatus.STALE and not stale_ok):
        raise HostNotReady(state.message, hint=BUILD)


class ImageBuilder:
    """Builds the image ``name`` in Docker from ``recipe``."""

    def __init__(self, docker: Docker, name: str, recipe: str) -> None:
        self._docker = docker
        self._name = name
        self._recipe = recipe

    def build(self, progress: Progress, *, fresh: bool = False) -> bool:
        """Build the image unless it is current. Returns whether it was built.

        ``fresh`` builds it in any case and from scratch, with Debian's security updates. Idempotent.
        ``progress`` gets each line of progress, and must not fail. Raises BackendFailure with the last of
        these lines, HostNotReady if Docker or mmdebstrap is missing. Half-done leaves the former image in
        place, and perhaps a base that the next call uses.
        """
        client = self._docker.api
        state = image_state(client, self._name, self._recipe)
        if state.status is ImageStatus.CURRENT and not fresh:
            return False  # the caller reports this
        progress(state.plan)
        self._build_on(client, provide_base(client, progress), progress, fresh=fresh)
        _remove_leftovers(client, progress)
        return True

    def _build_on(self, client: APIClient, base: str, progress: Progress, *, fresh: bool) -> None:
        # Read the files once for both, so that the label is true even if a file changes meanwhile.
        files = recipe_files(recipe_dir(self._recipe))
        doing = f"building the image {self._name}"
        with docker_errors(doing):
            lines = client.build(
                fileobj=io.BytesIO(build_context(files)),
                custom_context=True,
                tag=self._name,
                buildargs={"BASE": base, "RECIPE": version_of(files)},
                nocache=fresh,
                network_mode="host",  # so that a daemon without its own networks can build too
                timeout=_BUILD_SECONDS,
                rm=True,
                forcerm=True,
                decode=True,
            )
        follow(
            received(lines, doing),
            progress,
            f"the image {self._name} could not be built",
            "the last lines say why; most often Debian's packages could not be reached",
        )


def build_context(files: Mapping[str, bytes]) -> bytes:
    """The recipe as the tar archive that Docker builds from; equal files give equal bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o755  # the files of an installed package may have lost this bit
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _remove_leftovers(client: APIClient, progress: Progress) -> None:
    """Remove the former image and the build's first stage, unless a container still uses them."""
    try:
        for label in (_LABEL_STAGE, LABEL_RECIPE):
            with docker_errors("removing what the build left"):
                client.prune_images(filters={"dangling": True, "label": label})
    except SharesError as error:
        progress(f"{error}; it only takes room")  # the image exists: not worth failing for
