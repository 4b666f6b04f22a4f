"""The photo catalogue: what is known of photos and their keywords, and how to find them.

A library of its own: it needs a database and nothing else. `worker` fills it.
"""
