"""Share servers as Docker containers, using only what Podman's socket has too."""
