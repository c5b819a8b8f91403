"""The embedded default storage: a folder of files, attached as loop devices."""
