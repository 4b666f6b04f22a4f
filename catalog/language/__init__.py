"""The query language: text is parsed into a tree; no database is involved."""
