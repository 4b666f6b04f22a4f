"""Tags photos in batches (claim, decode, encode, score, record); chooses and loads the tagger."""
