"""Groups of photos: by shared keywords, by occasion, and near duplicates."""
