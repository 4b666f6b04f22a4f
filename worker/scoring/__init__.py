"""Turns image vectors into keywords with confidences; tagging and evaluation score with it."""

from worker.scoring.presets import PRESETS, Preset
from worker.scoring.scorer import Scorer, ScoringSettings, build_scorer

__all__ = ["PRESETS", "Preset", "Scorer", "ScoringSettings", "build_scorer"]
