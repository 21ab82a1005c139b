"""Trains a model on an objective and keeps the weights with the best score on dev."""
