"""Data: from a card, own files or a hub data set to rows in three splits."""
