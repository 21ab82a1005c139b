"""From a card, files or a hub data set to rows in three splits."""
