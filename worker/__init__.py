"""What makes the catalogue move: watch folders, decode and encode photos, score keywords."""
