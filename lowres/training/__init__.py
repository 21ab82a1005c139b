"""From a model and an objective to the weights that did best on dev."""
