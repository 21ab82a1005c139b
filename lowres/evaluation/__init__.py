"""Scores with intervals, comparisons of systems, simple baselines, and the verdict on transfer."""
