"""Encoders of images and texts: names, downloads, files, devices. Empty: `names` needs no torch."""
