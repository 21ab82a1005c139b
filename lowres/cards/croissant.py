"""A data card as Croissant 1.1 (mlcommons.org/croissant), which search engines and other tools read."""

from collections.abc import Iterator
from typing import Any

from lowres.cards.card import Card, CardFile, Subset
from lowres.cards.licence_chain import terms_of
from lowres.cards.licences import SPDX
from lowres.errors import CardError, Problem

CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "arrayShape": "cr:arrayShape", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn", "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"}, "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract", "field": "cr:field",
    "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "isArray": "cr:isArray", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath",
    "key": "cr:key", "md5": "cr:md5", "name": {"@container": "@language"}, "parentField": "cr:parentField", "path": "cr:path",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/", "separator": "cr:separator",
    "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
MEDIA_TYPES = {
    "csv": "text/csv", "tsv": "text/tab-separated-values", "jsonl": "application/jsonlines", "text": "text/plain",
    "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
WITH_COLUMNS = ("csv", "tsv", "jsonl", "parquet")
PASSED_ON = {"yes": "The texts may be passed on.", "no": "The texts may not be passed on.",
             "ask": "The texts may be passed on only if their owners agree."}  # fmt: skip


def croissant(card: Card) -> dict[str, Any]:
    """The card as JSON-LD. Raises CardError for data inside a Python package, whose files have no address of their own."""
    facts, origin = card.lowres, card.lowres.source
    if origin.package is not None:
        raise CardError(
            Problem(
                card.name, f"its files lie in the package {origin.package}", "Croissant names files by their addresses"
            )
        )
    files = [(name, split, entry) for name, subset in facts.subsets.items() for split, entry in _files(subset)]
    licence = SPDX.get(card.license)
    terms = terms_of(card.license)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": card.name,
        "alternateName": card.pretty_name,
        "description": card.statement or card.pretty_name,
        "inLanguage": card.language,
        "license": f"https://spdx.org/licenses/{licence}.html" if licence else f"{terms.licence} {terms.note}".strip(),
        "url": facts.homepage,
        "citeAs": facts.citation,
        "usageInfo": " ".join(
            (f"Consent: {facts.consent}", PASSED_ON[facts.redistribute], *card.wishes, f"Contact: {facts.contact}")
        ),
        "rai:dataCollection": facts.provenance,
        "rai:dataLimitations": facts.known_problems,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": f"{name}/{split}/{entry.path}",
                "name": f"{name}/{split}/{entry.path}",
                "contentUrl": f"{origin.url or (origin.folder or '.') + '/'}{entry.path}",
                "encodingFormat": MEDIA_TYPES.get(facts.format, "application/octet-stream"),
                "sha256": entry.sha256,
            }
            for name, split, entry in files
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": f"{name}/{split}",
                "name": f"{name}/{split}",
                "field": [
                    _field(f"{name}/{split}", f"{name}/{split}/{entry.path}", column) for column in _columns(card, name)
                ],
            }
            for name, split, entry in files
            if facts.format in WITH_COLUMNS
        ],
    }


def _files(subset: Subset) -> Iterator[tuple[str, CardFile]]:
    yield from subset.files.items()
    for tag, files in subset.sides.items():
        yield from ((f"{tag}-{split}", entry) for split, entry in files.items())


def _columns(card: Card, name: str) -> list[str]:
    """The columns of a subset that the card names."""
    columns, subset = card.lowres.columns, card.lowres.subsets[name]
    texts = list(subset.texts.values()) or [columns.text]
    label = [columns.label] if card.lowres.labels else []
    return list(dict.fromkeys(column for column in [*texts, *label, columns.id] if column and column != "line"))


def _field(record: str, file: str, column: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{record}/{column}",
        "name": f"{record}/{column}",
        "dataType": "sc:Text",
        "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
    }
