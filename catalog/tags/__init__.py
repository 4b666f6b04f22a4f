"""Keywords on photos: where they come from, what a person decided, how many photos have them."""
