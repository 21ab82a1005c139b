"""Data cards: what a data set holds, whose it is, where its files are, and how they are verified."""

from lowres.cards.card import Card, CardFile, Subset, available_cards, read_card

__all__ = ["Card", "CardFile", "Subset", "available_cards", "read_card"]
