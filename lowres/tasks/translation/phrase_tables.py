"""The phrase tables of a translator: learned from its training pairs, told the terms of a glossary, saved and restored."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lowres.data.corpus import GlossaryEntry
from lowres.data.glossary import glossary_text, saved_glossary, terms_of
from lowres.data.pairs import Direction, Pair
from lowres.statistical.phrase_table_files import load_phrase_tables, save_phrase_tables
from lowres.statistical.phrases import LEAST_PAIRS, PhraseTable, learn_phrase_tables
from lowres.statistical.terms import Terms
from lowres.tasks.saved import reading

PHRASE_TABLES, GLOSSARY = "phrase-tables.json.xz", "glossary.tsv"
Tables = Mapping[Direction, PhraseTable]


def phrase_tables_of(known: Sequence[Pair], glossary: Sequence[GlossaryEntry] = ()) -> dict[Direction, PhraseTable]:
    """A phrase table for each direction with enough pairs, learned from them in their order, with the terms of a glossary."""
    texts: dict[Direction, list[tuple[str, str]]] = {}
    for pair in known:
        texts.setdefault(pair.direction, []).append((pair.source.fields["text"], pair.target.fields["text"]))
    found = learn_phrase_tables({direction: some for direction, some in texts.items() if len(some) >= LEAST_PAIRS})
    return with_glossary(found, glossary)


def with_glossary(tables: Tables, glossary: Sequence[GlossaryEntry]) -> dict[Direction, PhraseTable]:
    """The same tables with what a glossary requires in their directions."""
    return {
        direction: replace(found, terms=Terms(terms_of(glossary, direction))) for direction, found in tables.items()
    }


def save_tables(folder: Path, tables: Tables, glossary: Sequence[GlossaryEntry]) -> None:
    """Write the tables into a model folder, and the glossary as a file of its own."""
    if tables:
        save_phrase_tables(folder / PHRASE_TABLES, tables)
    if glossary:
        (folder / GLOSSARY).write_text(glossary_text(glossary), encoding="utf-8", newline="\n")


def restored_tables(folder: Path, needed: Sequence[Direction], *, hints: bool) -> dict[Direction, PhraseTable]:
    """The tables of a run's model folder. Raises ModelError where those of the directions `needed` are missing, or those for hints."""
    expected = hints or needed or (folder / PHRASE_TABLES).exists()
    with reading(folder / PHRASE_TABLES):
        tables = load_phrase_tables(folder / PHRASE_TABLES) if expected else {}
        missing = [direction for direction in needed if direction not in tables]
        if missing:
            raise KeyError("→".join(missing[0]))
    with reading(folder / GLOSSARY):
        return with_glossary(tables, saved_glossary(folder / GLOSSARY))
