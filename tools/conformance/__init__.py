"""What smbtorture says of a server of ours, beside a plain Samba of the same image."""
