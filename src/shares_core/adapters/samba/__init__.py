"""Samba's side of a share server: its configuration, its accounts, its sessions."""
