"""Compares ways of tagging on a person's own photos: side by side, or against labels."""
