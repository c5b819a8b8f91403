"""A server with a share in each of several pools, and a client that uses them all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve, frozen

from shares_core import AccessLevel, Capacity, Secret, open_host
from shares_core.config import PoolSettings
from shares_core.domain.share import ShareStatus
from tests.testkit.clients import SmbClient
from tests.testkit.site import Site

OK, NO_SHARE = "NT_STATUS_OK", "NT_STATUS_BAD_NETWORK_NAME"
SERVER = "several"
CONTENT = b"what is in this pool"
_PASSWORD = "correct horse battery"


@frozen
class SeveralPools:
    """Each share has its pool's name, and a file."""

    site: Site
    ada: SmbClient

    @property
    def pools(self) -> list[str]:
        return [str(pool.name) for pool in self.site.config.pools]

    def serves(self, *pools: str) -> None:
        """Check that these shares have their files, and the others have failed and are not served."""
        shares = {str(view.share.name): view.share for view in self.site.host.shares.list(SERVER)}
        for pool in self.pools:
            if pool in pools:
                assert ShareStatus.READY is shares[pool].status
                assert CONTENT == self.ada.get(pool, "kept.txt")
            else:
                assert ShareStatus.FAILED is shares[pool].status
                assert pool in shares[pool].reason
                assert NO_SHARE == self.ada.do(pool, "ls").status

    def without(self, pool: str) -> SeveralPools:
        """The same installation with that pool removed from its settings."""
        pools = tuple(each for each in self.site.config.pools if str(each.name) != pool)
        config = evolve(self.site.config, pools=pools)
        return evolve(self, site=evolve(self.site, config=config, host=open_host(config)))

    def restart(self) -> None:
        """Take the server down and bring it up again."""
        self.site.host.servers.stop(SERVER)
        self.site.host.servers.start(SERVER)


@contextmanager
def several_pools(site: Site, *pools: PoolSettings) -> Iterator[SeveralPools]:
    """A server on the site, whose settings get these pools; removed afterwards."""
    config = site.config
    for pool in pools:
        config = config.with_pool(pool)
    site = evolve(site, config=config, host=open_host(config))
    interface = site.host.servers.create(SERVER).server.interfaces[0]
    try:
        network = str(site.config.network.subnet).rpartition(".")[0]
        namespace = site.client_on(str(interface.attachment.device), f"{network}.200/24")
        ada = site.smb(namespace, str(interface.addresses[0].ip), "ada", _PASSWORD)
        made = SeveralPools(site, ada)
        for name in made.pools:
            site.host.shares.create(SERVER, name, Capacity.parse("64MiB"), pool=name)
            site.host.access.allow(SERVER, name, "ada", AccessLevel.READ_WRITE, Secret(_PASSWORD))
            assert OK == ada.put(name, "kept.txt", CONTENT).status
        yield made
    finally:
        site.host.servers.delete(SERVER, with_shares=True)
