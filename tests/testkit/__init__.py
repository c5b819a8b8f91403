"""What tests, campaigns and benchmarks on a real host are made of: servers' clients, and a host to try.

- ``site``: a host under test, with an installation of its own; ``opened_site`` removes what it has made.
- ``clients``: a client's machine, a network namespace on a bridge; smbclient and smbprotocol in it.
- ``kernel_client``: the kernel's own client, mounted. ``writing``: a client that writes all the while.
- ``probes``: whether packets arrive, and ``until``, which waits for what comes a moment later.
- ``footprint``: what an installation has on the host, told by others than the code under test.
- ``volume_groups``: disks and volume groups to spare. ``leftovers``: what a killed run left is removed.

It works as root on the machine itself, and needs smbclient and smbprotocol, which the library does without:
so it is not in ``shares_core.testing``, where tools that embed the library find a host in memory.
"""
