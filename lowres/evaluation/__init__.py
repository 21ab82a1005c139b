"""Scores with intervals, comparisons, baselines and the transfer verdict."""
