"""Samba's files, rendered from a server's record by pure functions.

Nothing needs escaping: the domain's names cannot hold what would end a line, a section or a quoted word, and
only the map of users holds people's names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shares_core.adapters.samba.audit import OPERATIONS, prefix_of
from shares_core.adapters.samba.profile import (
    CONFIG_FOLDER,
    CREDITS,
    LARGEST_REQUEST,
    PORT,
    PRIVATE_FOLDER,
    SHARES_FOLDER,
)
from shares_core.domain.access import AccessLevel, AccessRule
from shares_core.domain.exports import Export
from shares_core.domain.names import SERVICE_ACCOUNT, WORKGROUP, UserName, forms_of, netbios_name
from shares_core.domain.protection import Encryption
from shares_core.domain.secret import PasswordHash
from shares_core.domain.server import Account, ShareServer
from shares_core.domain.share import CifsShare, FileSystemKind
from shares_core.domain.snapshots import GMT_FORM

CONFIG_FILE = f"{CONFIG_FOLDER}/smb.conf"
PASSWORD_FILE = f"{PRIVATE_FOLDER}/smbpasswd"
#: The file's name in the server's folder.
USER_MAP = "users.map"
USER_MAP_FILE = f"{CONFIG_FOLDER}/{USER_MAP}"
#: The list of recycle bins in the same folder, which the image's empty-bins reads.
BINS = "bins"
#: A share's recycle bin, a folder below the one that it serves. Clients see dot files as hidden.
_BIN = ".recycle"
_DAY_SECONDS = 86_400
#: Samba's guest account, as which nobody logs in. As every account, it has a sign that no person's name has.
GUEST = "<guest>"
_NOBODY = 65534
_NOLOGIN = "/usr/sbin/nologin"

#: After this time without an answer, a client is gone, and what it had open is closed.
_GONE_SECONDS = 60
#: How long a connection is idle before its client is asked, and between two questions.
_IDLE_SECONDS, _PROBE_SECONDS = 20, 10

_GLOBAL: Mapping[str, str] = {
    "server role": "standalone server",
    "workgroup": WORKGROUP,
    "server string": "share server",
    "passdb backend": f"smbpasswd:{PASSWORD_FILE}",
    # Closed by default: signed, NTLMv2, and nobody without an account.
    "server signing": "mandatory",
    "ntlm auth": "ntlmv2-only",
    "map to guest": "never",
    "guest account": GUEST,
    "username map": USER_MAP_FILE,
    "restrict anonymous": "2",
    "guest ok": "no",
    "access based share enum": "yes",
    # One port, one service: no NetBIOS, no printing, no POSIX extensions, no links out of a share.
    "smb ports": f"{PORT.number}",
    "disable netbios": "yes",
    "load printers": "no",
    "printing": "bsd",
    "printcap name": "/dev/null",
    "disable spoolss": "yes",
    "smb3 unix extensions": "no",
    "follow symlinks": "no",
    "wide links": "no",
    "allow insecure wide links": "no",
    "dns proxy": "no",
    "usershare max shares": "0",
    "logging": "file",
    # Samba logs failed logins with the client's address.
    "log level": "1 auth_audit:2",
    # Windows' attributes are kept in extended attributes instead of mode bits.
    "store dos attributes": "yes",
    "map archive": "no",
    "ea support": "yes",
    # No ACLs are kept: the rules decide. Files of former releases, which lack the x bit, may be run too.
    "nt acl support": "no",
    "acl allow execute always": "yes",
    # Nobody but smbd opens these files, so its own locks suffice; durable handles need that.
    "kernel oplocks": "no",
    "kernel share modes": "no",
    "posix locking": "no",
    # Alternate data streams are extended attributes, which hold 64 KiB at most. A Mac's resource fork may be
    # larger, and is a hidden file: `._name`. If these names were vetoed, Samba 4.22 would not find those in
    # subfolders itself.
    "fruit:metadata": "stream",
    "fruit:resource": "file",
    "fruit:veto_appledouble": "no",
    "fruit:delete_empty_adfiles": "yes",
    "fruit:wipe_intentionally_left_blank_rfork": "yes",
    "fruit:nfs_aces": "no",
    # A file that is deleted moves to the same place in the bin; a second of its name becomes a copy.
    "recycle:repository": _BIN,
    "recycle:keeptree": "yes",
    "recycle:versions": "yes",
    "recycle:directory_mode": "0700",
    "recycle:subdir_mode": "0700",
    "smb2 max credits": f"{CREDITS}",
    "smb2 max read": f"{LARGEST_REQUEST}",
    "smb2 max write": f"{LARGEST_REQUEST}",
    "smb2 max trans": f"{LARGEST_REQUEST}",
    "socket options": " ".join(
        (
            "TCP_NODELAY SO_KEEPALIVE",
            f"TCP_KEEPIDLE={_IDLE_SECONDS}",
            f"TCP_KEEPINTVL={_PROBE_SECONDS}",
            f"TCP_KEEPCNT={_GONE_SECONDS // _PROBE_SECONDS}",
            f"TCP_USER_TIMEOUT={_GONE_SECONDS * 1000}",
        )
    ),
}


def render_smb_conf(server: ShareServer, connections: int = 0) -> str:
    """smb.conf, with a section for all that is served: ready, and with a rule.

    smbd turns away more clients than ``connections`` before they cost anything; 0 means no limit.
    """
    own = {
        "netbios name": netbios_name(server.id),
        "server min protocol": str(server.protection.min_protocol),
        "server smb encrypt": str(server.protection.encryption),
        "server multi channel support": "yes" if _has_multichannel(server) else "no",
        "max smbd processes": str(connections),
    }
    accounts = account_names(server)
    sections = [_section("global", {**_GLOBAL, **own})]
    served = (export for export in server.exports if export.served)
    sections += [_section(str(export.name), _export_parameters(export, accounts)) for export in served]
    return "\n".join(sections)


def _has_multichannel(server: ShareServer) -> bool:
    """Whether a client may use several connections as one.

    With several interfaces, the server would tell clients its addresses on other networks. With encryption
    required, Samba refuses the second connection: the request that binds it is only signed.
    """
    return len(server.interfaces) == 1 and server.protection.encryption is not Encryption.REQUIRED


def _section(name: str, parameters: Mapping[str, str]) -> str:
    lines = "".join(f"\t{key} = {value}\n" for key, value in parameters.items())
    return f"[{name}]\n{lines}"


def _export_parameters(export: Export, accounts: Mapping[str, str]) -> dict[str, str]:
    share = export.share
    writers = [rule for rule in export.rules_now if rule.level is AccessLevel.READ_WRITE]
    limit = share.options.backup_limit
    # Always all parameters: a process that serves the share keeps a parameter that its section no longer has.
    return {
        "path": served_folder(export),
        "read only": "yes",
        "valid users": _user_list(accounts, export.rules),
        "browseable": "no" if share.name.is_hidden else "yes",
        "guest ok": "no",
        "force user": SERVICE_ACCOUNT,
        "force group": SERVICE_ACCOUNT,
        # On xfs a file has the room for its length, or is refused it at once: what is promised can be
        # written. On ext4 the kernel would leave a refused file longer, and no room beside it.
        "strict allocate": "yes" if share.filesystem.kind is FileSystemKind.XFS else "no",
        # Where the file system finds names in any case, smbd need not read whole folders for that.
        "case sensitive": "yes" if share.filesystem.case_fold else "no",
        # Samba grants full access only to a file with all three bits.
        "create mask": "0700",
        "directory mask": "0700",
        "force create mode": "0700",
        "force directory mode": "0700",
        "write list": _user_list(accounts, writers),
        "vfs objects": _vfs_objects(export),
        "full_audit:prefix": prefix_of(share),
        "full_audit:success": " ".join(OPERATIONS),
        "full_audit:failure": "none",
        "full_audit:syslog": "no",
        "fruit:time machine": "no" if share.options.time_machine is None else "yes",
        # Snapshots, as Previous Versions: each is mounted beside the shares, and only this share finds it.
        "shadow:mountpoint": f"{SHARES_FOLDER}/{share.id}",
        "shadow:snapdir": SHARES_FOLDER,
        "shadow:format": f"{share.id}{GMT_FORM}",
        "shadow:localtime": "no",
        "shadow:sort": "desc",
        "fruit:time machine max size": f"{limit.bytes if limit else 0}",  # 0 is none
    }


def _vfs_objects(export: Export) -> str:
    """The modules that a request passes through, from the client to the files."""
    if export.snapshot is not None:  # nobody changes it, and it has no former versions
        return "fruit streams_xattr"
    share = export.share
    # The bin comes last: Samba 4.22's does not know streams. If one were deleted through it, the stream would
    # stay, and its file's resource fork would be gone. fruit has a file's resource fork deleted beside it.
    recycling = ("recycle",) if share.options.recycle_bin is not None else ()
    # The audit comes first: it sees what clients ask for, not how it is done.
    audit = ("full_audit",) if share.options.audit else ()
    return " ".join((*audit, "fruit", "streams_xattr", *recycling, "shadow_copy2"))


def folder_of(share: CifsShare) -> str:
    """The folder that the share serves, as smbd sees it."""
    return served_folder(Export(share))


def served_folder(export: Export) -> str:
    """The same for a share or a snapshot."""
    return f"{SHARES_FOLDER}/{export.mount_id}/{export.share.folder}"


def recycled_in(share: CifsShare) -> str:
    """The folder of the share's recycle bin, as smbd sees it."""
    return f"{folder_of(share)}/{_BIN}"


def render_bins(server: ShareServer) -> str:
    """The list of recycle bins for the image's empty-bins: KEPT CLEARED FOLDER of each share, in seconds.

    A share has a line if it has or had a bin.
    """
    return "".join(
        f"{kept.days * _DAY_SECONDS if kept else 0} {share.bin_cleared} {folder_of(share)}\n"
        for share in server.shares
        if share.is_mounted
        if (kept := share.options.recycle_bin) or share.bin_cleared
    )


def _user_list(accounts: Mapping[str, str], rules: Iterable[AccessRule]) -> str:
    # Never an empty list, which would admit everybody: a user without an account is the guest.
    return ", ".join(f'"{accounts.get(rule.principal.name.key, GUEST)}"' for rule in rules)


def account_names(server: ShareServer) -> Mapping[str, str]:
    """The name that Samba has for each user who has an account, by the key of the user's name."""
    return {account.name.key: account_name(account) for account in server.accounts}


def account_name(account: Account) -> str:
    """The unix account's name, which has a sign that no person's has."""
    return f"<{account.uid}>"


def render_user_map(server: ShareServer) -> str:
    """The map from the names that people log in with to accounts.

    In every line the name is one word, in quotes, and Samba ends its search there (``!``). Other names stay
    as they are, and no account has one of them. The accounts' own names are the guest's, who cannot log in.
    There is no line for everybody else (``*``): Samba's services do not start if the guest is mapped.
    """
    people = [
        f'!{account_name(account)} = "{form}"\n'
        for account in server.accounts
        for form in forms_of(str(account.name))
    ]
    return "".join([*people, *(f'!{GUEST} = "{account_name(account)}"\n' for account in server.accounts)])


def render_passwd(server: ShareServer) -> str:
    """/etc/passwd of the container: Samba needs a unix account for each of its users."""
    lines = [
        _passwd_line(SERVICE_ACCOUNT, server.uid, server.uid),
        _passwd_line(GUEST, _NOBODY, _NOBODY),  # Samba does not start without it
        *(_passwd_line(account_name(account), account.uid, server.uid) for account in server.accounts),
    ]
    return "".join(lines)


def _passwd_line(name: str, uid: int, gid: int) -> str:
    return f"{name}:x:{uid}:{gid}::/nonexistent:{_NOLOGIN}\n"


def render_group(server: ShareServer) -> str:
    """/etc/group of the container."""
    return f"{SERVICE_ACCOUNT}:x:{server.uid}:\nnogroup:x:{_NOBODY}:\n"


def render_smbpasswd(accounts: Iterable[Account], hashes: Mapping[UserName, PasswordHash]) -> str:
    """smbpasswd(5): the accounts that have a hash; others cannot log in."""
    return "".join(
        _smbpasswd_line(account, hashes[account.name]) for account in accounts if account.name in hashes
    )


def _smbpasswd_line(account: Account, hashed: PasswordHash) -> str:
    name, no_lanman_hash = account_name(account), "X" * 32
    return f"{name}:{account.uid}:{no_lanman_hash}:{hashed.nt}:[U          ]:LCT-{hashed.changed:08X}:\n"
