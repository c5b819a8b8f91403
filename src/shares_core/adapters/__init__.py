"""The ports on a real Linux host, and in memory."""
