"""From a card, files or the hub to a Corpus."""
