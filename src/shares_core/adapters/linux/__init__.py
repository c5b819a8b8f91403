"""Commands, files, the mount table and time, for all other adapters."""
