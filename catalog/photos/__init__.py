"""Which photos there are, where their files are, and what state each photo is in."""
