"""Who may enter the gallery and the REST API: a password, browser sessions, tokens of scripts.

Secrets are kept as digests only: who reads the catalogue cannot enter with what it holds.
"""
