"""The licences of bases: of well-known ones by name, of others from the README of their folder."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lowres.models.weight_files import read_json

# Name, or its beginning with a star at its end → SPDX identifier.
KNOWN_LICENCES: Mapping[str, str] = {
    "starter:encoder": "MIT", "starter:translation": "CC-BY-SA-4.0", "starter:decoder": "Apache-2.0",
    "starter:multilingual-decoder": "Gemma", "google/gemma-*": "Gemma", "google/t5gemma-*": "Gemma", "facebook/nllb-*": "CC-BY-NC-4.0",
    "facebook/m2m100*": "MIT", "facebook/mbart*": "MIT", "FacebookAI/xlm-roberta-*": "MIT", "xlm-roberta-*": "MIT",
    "google/mt5-*": "Apache-2.0", "google/umt5-*": "Apache-2.0", "google/byt5-*": "Apache-2.0",
    "google-bert/bert-base-multilingual-*": "Apache-2.0", "bert-base-multilingual-*": "Apache-2.0",
    "intfloat/multilingual-e5-*": "MIT", "Davlan/afro-xlmr-*": "MIT",
}  # fmt: skip
_LICENCE = re.compile(r"^licen[cs]e:\s*[\"']?([\w.+-]+)", re.MULTILINE)


def base_licence(name: str, folder: Path) -> str:
    """The licence of a base; empty where it is not known. A run that serves as a base has all licences of its own chain."""
    for known, licence in KNOWN_LICENCES.items():
        if name == known or (known.endswith("*") and name.startswith(known[:-1])):
            return licence
    for record in (folder / "record.json", folder.parent / "record.json"):
        if record.is_file():
            facts = read_json(record)
            found = [_text(facts, "data", "licence"), _text(facts, "plan", "base_licence")]
            return " + ".join(dict.fromkeys(one for licence in found for one in licence.split(" + ") if one))
    readme = folder / "README.md"
    front = readme.read_text(encoding="utf-8", errors="replace").split("---") if readme.is_file() else []
    match = _LICENCE.search(front[1]) if len(front) > 2 and not front[0].strip() else None
    return match[1] if match else ""


def _text(facts: Mapping[str, Any], section: str, key: str) -> str:
    """A text in a section of a record, which anybody may have written; empty where there is none."""
    part = facts.get(section)
    found = part.get(key) if isinstance(part, dict) else None
    return found if isinstance(found, str) else ""
