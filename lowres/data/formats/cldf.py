"""Examples in CLDF (Forkel et al. 2018, doi 10.1038/sdata.2018.205): a table in CSV whose columns have the names of that standard."""

from dataclasses import replace

from lowres.data.formats.tables import Table
from lowres.languages.tags import is_language_code

TEXT, LANGUAGE = "Primary_Text", "Language_ID"
TRANSLATION, METALANGUAGE = "Translated_Text", "Meta_Language_ID"
UNTOLD = "eng"  # the language of translations where a table leaves it out, as nearly all published ones do


def with_languages(table: Table) -> Table:
    """A table of examples with the languages of its texts; any other table as it is.

    Where the examples are in several languages, or the table names them otherwise than by ISO 639, the recipe has to name the columns.
    """
    if not {TEXT, LANGUAGE} <= set(table.columns):
        return table
    told = {TEXT: _only(table, LANGUAGE, ""), TRANSLATION: _only(table, METALANGUAGE, UNTOLD)}
    languages = {column: code for column, code in told.items() if column in table.columns and is_language_code(code)}
    return replace(table, languages=languages) if TEXT in languages else table


def _only(table: Table, column: str, untold: str) -> str:
    """The one value of a column; `untold` where it is empty or missing, and nothing where there are several."""
    values = {record.fields.get(column, "") for record in table.records} - {""}
    return "" if len(values) > 1 else next(iter(values), untold)
