"""Other images for servers."""

from __future__ import annotations

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
