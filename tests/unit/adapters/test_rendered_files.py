"""Whole rendered files for Samba and nftables, to read and to compare."""

from __future__ import annotations

from attrs import evolve
from tests.unit.adapters.values import INTERFACE, SERVER, SHARE

from shares_core.adapters.network.filters import render_bridge_filter, render_port_filter, render_removal
from shares_core.adapters.samba.profile import SMB
from shares_core.adapters.samba.render import (
    render_passwd,
    render_smb_conf,
    render_smbpasswd,
    render_user_map,
)
from shares_core.domain.access import AccessRule
from shares_core.domain.names import UserName
from shares_core.domain.network import Bridge
from shares_core.domain.secret import PasswordHash

_SECTION = """\
[R&D 2026]
	path = /shares/5aaaaaaaaaaa/data
	read only = yes
	valid users = "<10000>", "<10001>", "<guest>"
	browseable = yes
	guest ok = no
	force user = shares
	force group = shares
	strict allocate = yes
	case sensitive = no
	create mask = 0700
	directory mask = 0700
	force create mode = 0700
	force directory mode = 0700
	write list = "<10000>", "<guest>"
	vfs objects = fruit streams_xattr shadow_copy2
	full_audit:prefix = shares-audit|5aaaaaaaaaaa|%U|%I
	full_audit:success = create_file renameat unlinkat linkat
	full_audit:failure = none
	full_audit:syslog = no
	fruit:time machine = no
	shadow:mountpoint = /shares/5aaaaaaaaaaa
	shadow:snapdir = /shares
	shadow:format = 5aaaaaaaaaaa@GMT-%Y.%m.%d-%H.%M.%S
	shadow:localtime = no
	shadow:sort = desc
	fruit:time machine max size = 0
"""
_PASSWD = """\
shares:x:2000007:2000007::/nonexistent:/usr/sbin/nologin
<guest>:x:65534:65534::/nonexistent:/usr/sbin/nologin
<10000>:x:10000:2000007::/nonexistent:/usr/sbin/nologin
<10001>:x:10001:2000007::/nonexistent:/usr/sbin/nologin
"""
_MAP = """\
!<10000> = "ada"
!<10001> = "bob"
!<10002> = "Max Müller"
!<10002> = "Max Mu\u0308ller"
!<guest> = "<10000>"
!<guest> = "<10001>"
!<guest> = "<10002>"
"""
OWNER = "shares-core:feedfacecafe"
_BRIDGE = """\
table netdev shares-tenant-a
delete table netdev shares-tenant-a
table netdev shares-tenant-a {
  comment "shares-core:feedfacecafe"
  chain to-host {
    type filter hook ingress device "tenant-a" priority 0; policy drop;
    ether type arp accept
    ip daddr { 10.0.0.254 } tcp sport 445 tcp flags & (syn | ack) != syn accept
    ip daddr { 10.0.0.254 } icmp type { echo-request, echo-reply, ERRORS4 } accept
    ip6 daddr { fd00:a::fe } tcp sport 445 tcp flags & (syn | ack) != syn accept
    ip6 daddr { fd00:a::fe } icmpv6 type { echo-request, echo-reply, ERRORS6 } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
}
"""
_PORT = """\
table netdev shares-shc0123456789ab
delete table netdev shares-shc0123456789ab
table netdev shares-shc0123456789ab {
  comment "shares-core:feedfacecafe"
  chain from-server {
    type filter hook ingress device "shc0123456789ab" priority 0; policy drop;
    ether saddr != 02:00:00:aa:bb:cc drop
    ether type { 8021q, 8021ad } drop
    arp operation { request, reply } arp saddr ether 02:00:00:aa:bb:cc arp saddr ip { 10.0.0.5, 10.0.0.6 } accept
    ip saddr { 10.0.0.5, 10.0.0.6 } tcp sport 445 tcp flags & (syn | ack) != syn accept
    ip saddr { 10.0.0.5, 10.0.0.6 } icmp type { echo-reply, ERRORS4 } accept
    ip6 saddr { fd00:a::5 } tcp sport 445 tcp flags & (syn | ack) != syn accept
    ip6 saddr { fd00:a::5 } icmpv6 type { echo-reply, ERRORS6 } accept
    ip6 saddr { fd00:a::5, fe80::ff:feaa:bbcc } icmpv6 type nd-neighbor-solicit accept
    ip6 saddr { fd00:a::5, fe80::ff:feaa:bbcc } icmpv6 type nd-neighbor-advert @th,64,128 { TOLD } accept
  }
}
"""  # noqa: E501 - as nft reads it


def _full(text: str) -> str:
    errors4 = "destination-unreachable, time-exceeded, parameter-problem"
    errors6 = "destination-unreachable, packet-too-big, time-exceeded, parameter-problem"
    told = "0xfd00000a000000000000000000000005, 0xfe80000000000000000000fffeaabbcc"
    text = text.replace("TOLD", told)
    return text.replace("ERRORS4", errors4).replace("ERRORS6", errors6)


def _v4_only(text: str) -> str:
    return "".join(li for li in text.splitlines(keepends=True) if "ip6" not in li and "icmpv6" not in li)


def _v6_only(text: str) -> str:
    return "".join(li for li in text.splitlines(keepends=True) if "    ip " not in li and "arp op" not in li)


def test_a_shares_section_word_for_word() -> None:
    """After the global section, one for the share: closed except for users with a rule and an account."""
    rules = tuple(
        AccessRule.for_user(name, level) for name, level in (("ada", "rw"), ("bob", "ro"), ("eve", "rw"))
    )
    text = render_smb_conf(SERVER.with_share(SHARE.with_rules(rules)))
    common, section = text.split("\n[", 1)
    assert _SECTION == f"[{section}"
    assert common.startswith("[global]\n\tserver role = standalone server\n\tworkgroup = SHARES\n")
    assert f"\tnetbios name = SRV{SERVER.id.upper()}\n" in common
    assert common.endswith("\tmax smbd processes = 0\n")
    assert all(line.startswith("\t") for line in common.splitlines()[1:])


def test_passwd_word_for_word() -> None:
    """Nobody has a shell or a home, and all are in smbd's group."""
    assert _PASSWD == render_passwd(SERVER)


def test_the_map_of_users_word_for_word() -> None:
    """Each form in which a client may send a name; by an account's own name nobody logs in."""
    assert _MAP == render_user_map(SERVER.with_account(UserName("Max Müller")))


def test_smbpasswd_is_in_the_order_of_the_accounts() -> None:
    """One line for each that has a hash, with its own."""
    hashes = {UserName("bob"): PasswordHash("B" * 32, 2), UserName("ada"): PasswordHash("A" * 32, 1)}
    lines = [line.split(":") for line in render_smbpasswd(SERVER.accounts, hashes).splitlines()]
    expected = [
        ("<10000>", "10000", "A" * 32, "LCT-00000001"),
        ("<10001>", "10001", "B" * 32, "LCT-00000002"),
    ]
    assert expected == [(name, uid, nt, changed) for name, uid, _, nt, _, changed, _ in lines]


def test_a_bridges_filter_word_for_word() -> None:
    """Each IP version may enter for the host's own addresses of that version, if it has any."""
    v4, v6 = INTERFACE.host_addresses[0], type(INTERFACE.addresses[1])("fd00:a::fe/64")
    rendered = {
        hosts: render_bridge_filter(Bridge.of(evolve(INTERFACE, host_addresses=hosts)), SMB.ports, OWNER)
        for hosts in ((v4, v6), (v4,), (v6,))
    }
    whole = _full(_BRIDGE)
    assert {(v4, v6): whole, (v4,): _v4_only(whole), (v6,): _v6_only(whole)} == rendered


def test_a_ports_filter_word_for_word() -> None:
    """Each IP version may leave from the server's own addresses of that version, if it has any."""
    first, v6 = INTERFACE.addresses
    second = type(first)("10.0.0.6/24")
    rendered = {
        own: render_port_filter(evolve(INTERFACE, addresses=own), SMB.ports, OWNER)
        for own in ((first, second, v6), (first, second), (v6,))
    }
    whole = _full(_PORT)
    assert {
        (first, second, v6): whole,
        (first, second): _v4_only(whole),
        (v6,): _v6_only(whole),
    } == rendered


def test_filters_of_several_devices_are_removed_one_by_one() -> None:
    """Each is declared and deleted by its own name."""
    expected = "".join(f"table netdev shares-{d}\ndelete table netdev shares-{d}\n" for d in ("a", "b"))
    assert expected == render_removal(["a", "b"])
