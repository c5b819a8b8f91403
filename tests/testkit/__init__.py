"""The parts of tests, campaigns and benchmarks on a real host: clients of servers, and a host under test.

- ``site``: a host under test, with its own installation; ``opened_site`` removes what it has made.
- ``clients``: a client's machine, a network namespace on a bridge; smbclient and smbprotocol in it.
- ``kernel_client``: the kernel's own client, mounted. ``writing``: a client that writes all the while.
- ``probes``: whether packets arrive, and ``until``, which waits for what comes a moment later.
- ``footprint``: what an installation has on the host, found without the code under test.
- ``volume_groups``: disks and volume groups for tests. ``leftovers``: removes what a killed run left.

It works as root on the machine itself, and needs smbclient and smbprotocol, which the library does not need.
So it is not in ``shares_core.testing``, which offers a host in memory to tools that embed the library.
"""
