"""Search by meaning: photos that look like a text or like another photo."""
