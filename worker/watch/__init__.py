"""From a file on disk to a committed row: watching, scanning and registering photos."""
