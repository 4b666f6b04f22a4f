"""Reads what XMP documents and other metadata say of a photo; knows no image, queue or database.

`worker.images` hands in the packets of a file, `worker.watch` the sidecars beside it. What writes
sidecars builds on these:

- `document.load` parses an XMP document safely, or raises `MetadataError` with the reason: what it
  refuses must never be written. `Document.tree` is lxml's own tree of all that was in the file.
- `xmp.read` returns what a document says: `Xmp.fields` holds the values of each keyword field as
  they are written, and the form (bag, seq, ...) that was found; `Xmp.marker` is Kadr's own note.
- `xmp.NAMESPACES`, `xmp.Field`, `xmp.FLAT`, `xmp.SEPARATORS` name the fields.
- `keywords.collect` returns the union of all fields, each keyword once with its broader words.
- `composing.compose` makes a sidecar's new bytes of its old ones and of what the catalogue says;
  `composing.withdraw` takes everything of Kadr's out again; `composing.foreign_fields` are the
  fields without the values that Kadr added, which are no evidence of what others say.
- `sidecar_names` knows which sidecar belongs to which photo.
"""
