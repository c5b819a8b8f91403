"""Bringing a server up and down: folders, mounts, Samba's configuration, container, interfaces."""
