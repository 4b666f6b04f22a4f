"""Makes the catalogue move: watches folders, reads photos, scores keywords."""
