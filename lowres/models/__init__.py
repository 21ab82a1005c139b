"""Bases: facts per architecture, starters, finding and loading; the classifier and its n-gram partner."""
