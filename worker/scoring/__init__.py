"""Turns image vectors into keywords with confidences."""

from worker.scoring.scorer import PRESETS, Preset, Scorer, ScoringSettings, build_scorer

__all__ = ["PRESETS", "Preset", "Scorer", "ScoringSettings", "build_scorer"]
