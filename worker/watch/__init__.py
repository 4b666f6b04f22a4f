"""Registers photos: watches folders, scans them, and commits a row for each file it takes."""
