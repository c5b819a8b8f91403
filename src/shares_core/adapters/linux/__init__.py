"""Commands, files, the mount table and time: what every other adapter stands on."""
