"""Small pictures of photos for the gallery: how they are made, and the folder that keeps them.

Tagging makes them on its way, the gallery makes those that are missing.
"""
