"""Exports photos with all that is known of them, for other programs; `formats` is the door."""
