"""Opens photos in child processes that may crash, hang or take too much memory.

`pool.Decoders` is the door, `guards.Guards` its limits. `worker.tagging` opens photos to
the model's pixels, pages that show photos open them to thumbnails. Why processes and not threads:
docs/decisions/0007-photos-are-decoded-in-guarded-processes.md.
"""
