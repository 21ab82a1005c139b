"""What stands beside a table of corrections: the card of the data set, and the lines that add it to a recipe."""

import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

from lowres.cards.licences import SPDX
from lowres.languages import language
from lowres.languages.tags import shortest_code

Row = Mapping[str, str]
_PLAIN = re.compile(
    r"[\w/.](?:[\w/.; -]*[\w/.-])?"
)  # what may stand in YAML without quotation marks, unless it is a number or the like
_HUB = {spdx: name for name, spdx in SPDX.items()}
_HUB_TASK = {"translation": "translation", "classification": "text-classification"}
_TAGS = {"translation": ("source_language", "target_language"), "classification": ("language",)}
_SOURCE = "corrections by speakers; the README.md beside the table says who agreed to what"


def card(run_name: str, task: str, rows: Sequence[Row], table: str) -> str:
    """The README.md of the data set: front matter as on the Hugging Face hub, what it is, who agreed to what, how it is used."""
    tags = sorted({row[column] for row in rows for column in _TAGS[task]})
    licences = sorted({row["licence"] for row in rows})
    front = {
        "pretty_name": f"Corrections of “{run_name}”",
        "language": [shortest_code(tag[:3]) for tag in tags],
        "license": _HUB.get(licences[0], "other") if len(licences) == 1 else "other",
        **({} if len(licences) == 1 and licences[0] in _HUB else {"license_name": " and ".join(licences)}),
        "task_categories": [_HUB_TASK[task]],
        "configs": [{"config_name": "default", "data_files": table}],
    }
    yaml = YAML()
    yaml.width = 10_000
    written = io.StringIO()
    yaml.dump(front, written)
    return f"""---
{written.getvalue()}---

# Corrections of “{_cell(run_name)}”

Speakers tried a model of lowres and wrote down what is right. Each row of `{table}` is one text with its correction, the model's
own answer (`answer`), who made the correction (`by`: a name or pseudonym), the `licence`, the sentence they agreed to (`consent`),
and the `date`. The table is in UTF-8 with tabs; fields are quoted as in CSV where they need it.

Languages: {", ".join(str(language(tag)) for tag in tags)}.

## Who agreed to what

| who | licence | corrections | first | last |
|---|---|---|---|---|
{_agreements(rows)}

{_sentences(rows)}

Whoever wants their corrections back may say so at any time: delete the lines with their name from `{table}`, and train again.

## Training on them

Put these lines below `data:` in the recipe, each source beginning with a hyphen (a single source becomes the first of the list). Paths
are those of the recipe's folder.

```yaml
{source_lines(task, rows, table)}
```
"""


def _agreements(rows: Sequence[Row]) -> str:
    counts = Counter((row["by"], row["licence"]) for row in rows)
    lines = []
    for (by, licence), count in counts.items():
        dates = sorted(row["date"] for row in rows if (row["by"], row["licence"]) == (by, licence))
        lines.append(f"| {_cell(by)} | {licence} | {count} | {dates[0]} | {dates[-1]} |")
    return "\n".join(lines)


def _sentences(rows: Sequence[Row]) -> str:
    said = dict.fromkeys((row["licence"], row["consent"]) for row in rows)
    return "\n".join(f"- {licence}: “{consent}”" for licence, consent in said)


def _cell(text: str) -> str:
    """A speaker's words in a table of Markdown, of which nothing is taken for markup."""
    escaped = "".join(f"\\{character}" if character in "\\`*_[]<>|#&" else character for character in text)
    return " ".join(escaped.split())


def source_lines(task: str, rows: Sequence[Row], path: str) -> str:
    """The corrections as sources of a recipe: one for each direction or language and each licence, for training only."""
    groups = dict.fromkeys((*(row[column] for column in _TAGS[task]), row["licence"]) for row in rows)
    return "\n".join(_source(task, group[:-1], group[-1], path) for group in groups)


def data_lines(recipe: str, task: str, rows: Sequence[Row], path: str) -> str:
    """The whole `data:` of a recipe, given as its text, with the corrections added."""
    data = YAML(typ="safe").load(recipe)["data"]
    before = [f"  - {_flow(source)}" for source in (data if isinstance(data, list) else [data])]
    return "\n".join(["data:", *before, source_lines(task, rows, path)])


def _source(task: str, tags: Sequence[str], licence: str, path: str) -> str:
    chosen = {**dict(zip(_TAGS[task], tags, strict=True)), "licence": licence}
    read = (
        {"columns": {"texts": dict(zip(tags, ("source", "target"), strict=True))}}
        if len(tags) > 1
        else {"language": tags[0]}
    )
    source: dict[str, Any] = {
        "files": {"train": path}, "quotes": "yes", "rows": chosen, **read, "licence": licence, "source": _SOURCE, "use": ["train"],
    }  # fmt: skip
    lines = [f"{key}: {_flow(value)}" for key, value in source.items()]
    return "\n".join(f"  {'-' if not number else ' '} {line}" for number, line in enumerate(lines))


def _flow(value: Any) -> str:
    """A value of a recipe in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A scalar as it stands where YAML reads it back so, else in quotation marks."""
    if not isinstance(value, str):
        return json.dumps(value)
    plain = _PLAIN.fullmatch(value)
    return value if plain and YAML(typ="safe").load(value) == value else json.dumps(value, ensure_ascii=False)
