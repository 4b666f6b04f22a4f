"""Commands that need only the catalogue, and what they print; the only room with a terminal."""
