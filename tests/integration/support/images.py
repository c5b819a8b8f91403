"""Other images for servers."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager

import docker

from tests.testkit.site import Site


@contextmanager
def changed_image(site: Site, change: str) -> Iterator[str]:
    """The servers' image with another line in its Dockerfile."""
    name = f"shares-core-test-{uuid.uuid4().hex[:8]}"
    with closing(docker.from_env()) as client:
        base = client.containers.create(site.config.docker.image)
        try:
            base.commit(repository=name, changes=change)
        finally:
            base.remove(force=True)
        yield name
        client.images.remove(name, force=True)


@contextmanager
def image_without(site: Site, path: str) -> Iterator[str]:
    """The servers' image without one of its files, as if a former release had made it."""
    name = f"shares-core-test-{uuid.uuid4().hex[:8]}"
    recipe = f"FROM {site.config.docker.image}\nRUN rm {path}\n".encode()
    with closing(docker.from_env()) as client:
        client.images.build(fileobj=io.BytesIO(recipe), tag=name, rm=True, network_mode="none")
        yield name
        client.images.remove(name, force=True)
