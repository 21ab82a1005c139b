"""What the keys of a recipe do, from the models of the recipe themselves, and what the words of a report mean."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from lowres.errors import Problem, RecipeError, nearest
from lowres.recipe.schema import recipe_schema

ROOT = "recipe"
NAMES = 27  # columns before what a key of a section does
# What stands in reports and messages, and is no key of a recipe: measures, verdicts, and the codes of findings.
WORDS = {
    "baseline": "a simple rival, trained and scored on the same texts: the most frequent label, counting words, copying the source",
    "BLEU": "0–100: how many runs of one to four words a translation shares with the reference; strict where words have many endings",
    "bits per character": "0 and up, less is better: how surprised a model is by a text; it does not depend on the tokenizer",
    "chrF++": "0–100: how many runs of letters and words a translation shares with the reference; good ones often have 50 to 70",
    "cluster": "a text and its translations; they count as one where intervals are computed, since they are not independent",
    "confidence": "of a translation: its estimated chrF++, made without a reference; of a label: its probability",
    "contamination": "texts that stand in train and in dev or test, or nearly; they make scores too high and are left out of train",
    "contradictions": "a text stands twice, with two labels: no classifier can be right about both; correct one, or take both out",
    "drift": "train and another split have the labels in other shares, so scores say less about new texts: divide the texts by chance",
    "few pairs": "so few that in our measurements words and phrases learned from them translated as well as the adapted base; collect "
    "more, or take a base that writes the target language well",
    "fertility": "tokens per word; the higher, the less the tokenizer knows the language",
    "finding": "a note or a warning: worth knowing, but it stops nothing; it stands in the report",
    "helps": "the adapted base is clearly better than the best baseline on the same test texts",
    "hurts": "the best baseline is clearly better than the adapted base; the report says what to try",
    "imbalance": "one label has many more texts than another; who always says the frequent one is often right, so read macro-F1",
    "interval": "where the score would lie on other test texts of this kind, by default in 95 of 100 cases",
    "language token": "the token that tells a translator which language to read or to write; a new one is learned from your pairs",
    "macro-F1": "0–100: how often labels are right, every label counting alike, also rare ones",
    "misaligned": "lines of two files that do not translate one another, though they have the same number",
    "no clear difference": "chance alone may explain the difference between the adapted base and the best baseline",
    "one for many": "one text is the translation of many different texts: a stand-in, a template, or a column that was filled "
    "down; look at a few of them",
    "other script": "texts in another script than the tag of their language says, such as Cyrillic under min-Latn: the column, or the "
    "tag, is a wrong one",
    "p value": "how often chance alone would make a difference as large",
    "phrase table": "words and phrases with their translations, learned from the training pairs; it hints, or answers itself",
    "reload check": "the saved model is loaded in a fresh process and has to predict what the trained one did",
    "repeats": "a text, or a pair of texts, stands several times in one split; it counts each time, in training and in scores",
    "signature": "how a score was computed: with the same signature two scores can be compared",
    "small test": "a test split with few independent texts shows large differences only, whatever the scores say: collect more of "
    "them, 200 at least, and read the intervals",
    "special token": "a sign by which a base marks beginnings, ends or gaps, such as <s> or [MASK]; where your texts have its name, "
    "it is read as text",
    "stand-in": "a text that stands where a translation is missing, such as “TODO”, “n/a” or “#REF!”; it is left out",
    "TER": "0 and up, less is better: edits that turn a translation into the reference, per cent of its words",
    "token": "a piece of a word from the fixed list that a base reads and writes",
    "untranslated": "pairs with the same text on both sides: names and loanwords, or texts not translated yet; look at a few",
}
Schema = dict[str, Any]


def explained(key: str) -> list[str]:
    """What a key does, what it takes and what its default is; for a section also its keys.

    `key` is a key with its section, such as training.epochs, or its last part alone. Raises RecipeError where there is none.
    """
    schema = recipe_schema()
    known = list(keys(schema, schema, ""))
    wanted = key.strip().removeprefix("data.[].")
    words = {_plain(word): word for word in WORDS}
    if word := words.get(_plain(wanted)):
        return [f"{word}: {WORDS[word]}", "", "more: docs/concepts.md"]
    found = [one for one in known if one[0] == wanted or (one[0] or ROOT) == wanted]
    found = found or [one for one in known if re.sub(r" \([^)]*\)", "", one[0]) == wanted]
    found = found or [one for one in known if one[0].split(".")[-1] == wanted]
    if not found:
        names = {*WORDS, *_paths(known)} | {path.split(".")[-1] for path, *_ in known}
        hint = nearest(wanted, sorted(names)) or "see lowres explain recipe"
        raise RecipeError(Problem(key, "is no key of a recipe, and no word of its report", hint))
    lines: list[str] = []
    for path, node, required in found:
        lines += ["", *_about(schema, path, node, required)] if lines else _about(schema, path, node, required)
    return lines


def explainable() -> list[str]:
    """Every key with its section, and every word as one argument of a shell: small-test."""
    schema = recipe_schema()
    return sorted({word.replace(" ", "-") for word in WORDS} | _paths(keys(schema, schema, "")) - {""} | {ROOT})


def _paths(known: Iterable[tuple[str, Schema, bool]]) -> set[str]:
    """The keys without the kinds of their sections."""
    return {re.sub(r" \([^)]*\)", "", path) for path, *_ in known}


def _plain(word: str) -> str:
    """The word however it is written: “small test” is “small-test” in a shell."""
    return word.lower().replace("-", " ")


def keys(schema: Schema, node: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """(path, its part of the schema, whether it must be there) of every key; a kind of a section stands in brackets."""
    if not path:
        yield "", schema, True
    for kind, form in _forms(schema, node):
        for name, inner in form.get("properties", {}).items():
            here = f"{path} ({kind})" if kind else path
            whole = f"{here}.{name}" if here else name
            yield whole, inner, name in form.get("required", ())
            if path.count(".") < 4:
                yield from keys(schema, inner, whole)


def _forms(schema: Schema, node: Schema) -> Iterator[tuple[str, Schema]]:
    """(kind, schema) of each form that a section can have; the kind is empty where there is one form."""
    if "$ref" in node:
        yield from _forms(schema, _resolved(schema, node))
    elif "properties" in node:
        kind = node["properties"].get("kind", {}).get("const", "")
        yield kind, node
    elif "items" in node:
        yield from _forms(schema, node["items"])
    else:
        for option in node.get("oneOf") or node.get("anyOf") or ():
            if option.get("type") != "array":
                for kind, form in _forms(schema, option):
                    first = next(iter(form.get("required", ())), "")
                    yield kind or (first if "oneOf" in node else ""), form


def _resolved(schema: Schema, node: Schema) -> Schema:
    found: Schema = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return found


def _about(schema: Schema, path: str, node: Schema, required: bool) -> list[str]:
    forms = list(_forms(schema, node))
    head = f"{path or ROOT}: {possible(schema, node)}" if path else "A recipe has these sections:"
    head += ", required" if required and path else f", by default {shown(node['default'])}" if "default" in node else ""
    lines = [head]
    if text := node.get("description"):
        lines.append(f"  {text}")
    for kind, form in forms:
        what = form.get("description", "").split("\n\n")[0].replace("\n", " ")
        if path and f"  {what}" not in lines:
            lines.append(f"  {kind + ': ' if kind else ''}{what}")
        for name, inner in form.get("properties", {}).items():
            if name != "kind":
                lines.append(f"    {name:<{NAMES - 5}} {_in_short(schema, f'{path}.{name}'.lstrip('.'), inner)}")
    return lines


def _in_short(schema: Schema, path: str, node: Schema) -> str:
    """What a key does, in the list of a section; of a section with several forms their names alone."""
    kinds = list(dict.fromkeys(kind for kind, _ in _forms(schema, node) if kind))
    if len(kinds) > 1:
        plain = re.sub(r" \([^)]*\)", "", path)
        return f"one of {', '.join(kinds)}; more: lowres explain {plain}"
    return description(schema, node) or possible(schema, node)


def description(schema: Schema, node: Schema) -> str:
    """What a key does; of a section without a description of its own, the first paragraph about it."""
    if "description" in node:
        return str(node["description"])
    texts = [form.get("description", "").split("\n\n")[0].replace("\n", " ") for _, form in _forms(schema, node)]
    return " / ".join(filter(None, texts))


def possible(schema: Schema, node: Schema) -> str:
    """What a key takes, in words."""
    if "$ref" in node:
        return possible(schema, _resolved(schema, node))
    if "enum" in node:
        return "one of " + ", ".join(map(str, node["enum"]))
    if "const" in node:
        return str(node["const"])
    options = node.get("oneOf", node.get("anyOf"))
    if options:
        return " or ".join(
            dict.fromkeys(possible(schema, option) for option in options if option.get("type") != "null")
        )
    kind = node.get("type", "")
    name = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "a text",
            "array": "a list", "object": "a section"}.get(kind, "a value")  # fmt: skip
    low = node.get("minimum", node.get("exclusiveMinimum"))
    high = node.get("maximum", node.get("exclusiveMaximum"))
    bounds = [f"from {_number(low)}" if low is not None else "", f"to {_number(high)}" if high is not None else ""]
    return " ".join(filter(None, [name, *bounds])) if kind in ("integer", "number") else name


def _number(value: float) -> str:
    return f"{value:g}" if value < 1e6 else f"{int(value)}"


def shown(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(inner)}" for key, inner in value.items()) + "}" if value else "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value)) or "none"
    if isinstance(value, str):
        return value or "empty"
    return "none" if value is None else str(value).lower()
