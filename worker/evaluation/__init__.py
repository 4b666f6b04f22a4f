"""Compares models on photos of a person's own: side by side, or against labels."""
