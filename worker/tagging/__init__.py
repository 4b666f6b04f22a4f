"""Tags batches of photos: claim, decode, encode, score, record; and chooses what tags."""
