"""Trains the starter model: labelled photos in, a finished open_clip folder out.

Run as `python -m worker.training`; nothing here is imported when Kadr tags photos.
"""
