"""Training of the starter model: photos with labels in, a finished open_clip folder out.

Run as ``python -m worker.starter``; nothing here is imported when Kadr tags photos.
"""
