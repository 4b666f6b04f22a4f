"""Encoders of images and texts: their names, downloads, files and devices."""
