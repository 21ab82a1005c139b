"""The licence chain of a recipe: all its data, and its base."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lowres.cards import Card, read_card
from lowres.cards.licence_chain import LicenceChain, Link
from lowres.errors import CardError
from lowres.recipe.data_section import CardData, FileData, Source
from lowres.recipe.sections import Recipe


def chain_of(recipe: Recipe, near: Sequence[Path], base: str, licence: str) -> LicenceChain:
    """The chain of a recipe whose base has this name and licence; cards are looked for in the folders `near`.

    Raises CardError where a card cannot be found.
    """
    links = [link for source in recipe.every_source for link in _data_links(source, near)]
    links += [Link("base", base, one) for one in (licence or "unknown").split(" + ")]
    return LicenceChain(tuple(dict.fromkeys(links)))


def _data_links(source: Source, near: Sequence[Path]) -> Iterator[Link]:
    if isinstance(source, CardData):
        card = find_card(source.card, near)
        yield Link("data", card.pretty_name, card.license, card.lowres.redistribute)
    elif isinstance(source, FileData):
        yield Link("data", f"own files ({source.source})", source.licence)
    else:
        yield Link("data", source.hub, source.licence)


def find_card(name: str, near: Sequence[Path]) -> Card:
    """The card of that name in the first folder that has it, or among the shipped ones. Raises CardError."""
    for folder in near[:-1]:
        try:
            return read_card(name, folder)
        except CardError:
            continue
    return read_card(name, near[-1])
