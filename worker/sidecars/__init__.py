"""Writes sidecars: what the catalogue says of photos, into XMP files beside them.

`writer` claims sidecars that are due and writes each; `disk` replaces a file in one step; `loop`
does so again and again inside `kadr watch`. Photos are opened for reading alone.
"""
