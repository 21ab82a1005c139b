"""Pydantic's errors in plain words: what is wrong and what would be right."""

from collections.abc import Callable, Iterable, Mapping
from typing import get_args, get_origin

from pydantic import BaseModel

from lowres.errors import Problem, nearest
from lowres.recipe.faults import KIND, Fault, alternatives, choices, members, plain, sections, tags
from lowres.recipe.strict import Document, dotted, shown

Words = tuple[str, str]
_WANTED = {
    "string_type": "text",
    "tuple_type": "a list",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
}
_BOUND = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}
_RANGE: Mapping[tuple[str, ...], str] = {
    ("ge", "le"): "from {} to {}",
    ("ge", "lt"): "from {} to less than {}",
    ("gt", "le"): "more than {}, at most {}",
    ("gt", "lt"): "more than {} and less than {}",
}
_FORMS = {
    r"^[0-9a-f]{40}$": "a commit has 40 hexadecimal digits",
    r"^[0-9a-f]{64}$": "a sha256 has 64 hexadecimal digits",
    r"^[\w.-]+/[\w.-]+$": "owner/name",
    r"^[a-z]{3}-[A-Z][a-z]{3}$": "a language tag: ISO 639-3 code and script, such as min-Latn",
}
_TRUTH = {"yes": "write true", "on": "write true", "no": "write false", "off": "write false"}
# Keys of format 1 that have another name now: section and key → what to write.
_RENAMED: Mapping[tuple[str, str], str] = {
    ("task", "like"): "init_from",
    ("task", "cap"): "max_pairs",
    ("task", "hidden"): "masked",
    ("back_translation", "most"): "max_texts",
    ("base", "layers"): "encoder_layers",
    ("base", "decoder"): "decoder_layers",
    ("vocabulary", "letters"): "protected_characters",
    ("method", "start"): "init",
    ("method", "reduction"): "reduction_factor",
    ("method", "block"): "block_size",
    ("method", "over"): "language_adapters",
    ("ensemble", "lexicon"): "phrase_table",
    ("training", "max_pieces"): "max_length",
    ("training", "clip"): "max_grad_norm",
    ("decoding", "no_repeat"): "no_repeat_ngram_size",
    ("decoding", "longest"): "max_length_ratio",
}
_COMMAND_LINE = ("device", "threads", "cache", "out", "mirror", "offline")


def problem(fault: Fault, faults: Iterable[Fault], root: type[BaseModel], document: Document) -> Problem:
    """One fault as the problem that the user reads. `faults` are all faults of the file, `root` is the format's model."""
    others = alternatives(fault, list(faults))
    if fault.error == "extra_forbidden":
        what, hint = _unknown_key(fault, root)
    elif fault.mistaken or _is_for_a_section(fault):
        what, hint = _wrong_type(fault, others)
    else:
        what, hint = _WORDS.get(fault.error, _as_pydantic_says)(fault)
    name = dotted(fault.path)
    return Problem(document.spot(fault.path, of_key=fault.of_key), f"{name}: {what}" if name else what, hint)


def _as_pydantic_says(fault: Fault) -> Words:
    return fault.message[:1].lower() + fault.message[1:], _description(fault)


def _unknown_key(fault: Fault, root: type[BaseModel]) -> Words:
    key = str(fault.path[-1])
    if len(fault.path) == 1 and key in _COMMAND_LINE:
        return "is not part of a recipe, which says nothing of the machine", f"say it on the command line: --{key}"
    if len(fault.path) > 1 and (new := _RENAMED.get((str(fault.path[-2]), key))):
        return "is a key of format 1", f"it is called {new} now"
    if words := _of_another_kind(fault, root):
        return words
    known = list(fault.section.model_fields) if fault.section else []
    elsewhere = (name for name, field in root.model_fields.items() if key in _keys(field.annotation))
    near = nearest(key, known) or next((f"did you mean {name}.{key}?" for name in elsewhere), "")
    return "unknown key", _joined(near, f"possible: {', '.join(known)}")


def _of_another_kind(fault: Fault, root: type[BaseModel]) -> Words | None:
    """What to say of a key that belongs to another kind of this section."""
    field = root.model_fields.get(str(fault.path[0]))
    if field is None or len(fault.path) != 2:
        return None
    key, some = str(fault.path[1]), members(field.annotation)
    own = " or ".join(tag for member in some if plain(member) is fault.section for tag in tags(member))
    others = [tag for member in some if key in _keys(member) for tag in tags(member)]
    if not others:
        return None
    one_of = f"choose one of {', '.join(choices(field.annotation))}"
    return f"does not go with {own}", one_of if key in others else f"only with {' or '.join(others)}"


def _keys(annotation: object) -> set[str]:
    return {key for section in sections(annotation) for key in section.model_fields}


def _missing(fault: Fault) -> Words:
    name = str(fault.path[-1])
    if sections(fault.format):
        return "is missing", f"write {name}: {{{_example(fault)}}}{_listed(choices(fault.format))}"
    allowed = choices(fault.format)
    if name != KIND and len(allowed) == 1:
        return "is missing", f"write {name}: {allowed[0]}"
    return "is missing", f"possible: {', '.join(allowed)}" if allowed else _description(fault) or f"write {name}: …"


def _listed(allowed: tuple[str, ...]) -> str:
    return f"; possible: {', '.join(allowed)}" if len(allowed) > 1 else ""


def _not_a_choice(fault: Fault) -> Words:
    found, allowed = fault.found, choices(fault.format)
    possible = f"possible: {', '.join(allowed)}"
    if fault.of_key:
        return "unknown key", _joined(nearest(str(found), allowed), possible)
    written = fault.written or str(found)
    if isinstance(found, str) and written in allowed:
        return f"“{shown(written)}” is text, since it stands in quotes", f"write {written} without quotes"
    if found is None:
        return "has no value", possible
    if isinstance(found, Mapping | tuple):
        return f"{_kind_of(found)} stands here", possible
    return f"“{shown(written)}” is not possible", _joined(nearest(str(found), allowed), possible)


def _no_kind(fault: Fault) -> Words:
    return "is missing", f"possible: {', '.join(choices(fault.format))}"


def _no_form(fault: Fault) -> Words:
    forms = choices(fault.format)
    keys = [str(key) for key in fault.found] if isinstance(fault.found, Mapping) else []
    near = next((hint for key in keys if (hint := nearest(key, forms))), "")
    return "does not say where the data come from", _joined(near, f"give one of {', '.join(forms)}")


def _wrong_type(fault: Fault, others: list[Fault]) -> Words:
    wanted = " or ".join(dict.fromkeys(_WANTED.get(other.error, "a section") for other in others))
    found, written = fault.found, shown(fault.written)
    if found is None and not fault.written:
        optional = fault.field is not None and not fault.field.is_required()
        return "has no value", f"write {wanted}" + (", or leave the key out" if optional else "")
    if "text" in wanted and fault.written and not isinstance(found, str):
        read_as = "no value" if found is None else "true or false" if isinstance(found, bool) else "a number"
        return f"“{written}” is read as {read_as}, not as text", f'write it in quotes: "{written}"'
    if isinstance(found, str) and "number" in wanted and _is_number(found):
        return f"“{written}” is text, since it stands in quotes", f"write {written} without quotes"
    hint = _how_to_write(fault, wanted)
    if isinstance(found, Mapping | tuple):
        return f"{_kind_of(found)} stands where {wanted} is needed", hint
    return f"“{written}” is not {wanted}", hint


def _how_to_write(fault: Fault, wanted: str) -> str:
    """An example of a right value."""
    name = str(fault.path[-1]) if fault.path else ""
    if wanted == "a section":
        key = "-" if fault.path and isinstance(fault.path[-1], int) else f"{name}:"
        return f"write {key} {{{_example(fault)}}}{_listed(choices(fault.format))}"
    if wanted == "a list" and isinstance(fault.found, str):
        return f"write [{shown(fault.written)}]"
    if wanted == "true or false":
        return _TRUTH.get(fault.written.lower(), "write true or false")
    default = fault.field.default if fault.field else None
    return f"such as {default}" if default and isinstance(default, str | int | float) else ""


def _out_of_range(fault: Fault) -> Words:
    bounds = {name: value for name in _BOUND if (value := _bound(fault, name)) is not None}
    words = _RANGE.get(tuple(bounds)) or " and ".join(_BOUND[name] for name in bounds)
    return f"{shown(fault.written or fault.found)} is out of range", words.format(*map(_number, bounds.values()))


def _bound(fault: Fault, name: str) -> object:
    constraints = list(fault.field.metadata) if fault.field else []
    found = (getattr(one, name, None) for one in constraints)
    return next((value for value in found if value is not None), fault.context.get(name))


def _wrong_form(fault: Fault) -> Words:
    hint = _FORMS.get(str(fault.context.get("pattern"))) or _description(fault)
    return f"“{shown(fault.found)}” does not have the right form", hint


def _too_long(fault: Fault) -> Words:
    return f"has {len(str(fault.found))} characters", f"at most {fault.context['max_length']}"


def _empty(fault: Fault) -> Words:
    return "is empty", _description(fault) or "write something here"


def _is_for_a_section(fault: Fault) -> bool:
    """Whether something else stands where a section, or the choice of one, belongs."""
    needed = sections(fault.format) or get_origin(fault.format) is dict
    return bool(needed) and not isinstance(fault.found, Mapping) and not fault.error.startswith("union_tag")


def _example(fault: Fault) -> str:
    """What to write inside the braces of a section; the word that stood in its place is used if it fits."""
    found = shown(fault.found) if isinstance(fault.found, str) else "…"
    if get_origin(fault.format) is dict:
        keys = choices(get_args(fault.format)[0]) or ("…",)
        return f"{keys[0]}: {found}"
    kinds, first = choices(fault.format), sections(fault.format)[0]
    needed = [key for key, field in first.model_fields.items() if field.is_required()]
    if KIND in needed:
        return f"{KIND}: {found if found in kinds else kinds[0]}"
    key = needed[0] if needed else next(iter(first.model_fields))
    return f"{key}: {found if needed and plain(first.model_fields[key].annotation) is str else '…'}"


def _kind_of(found: object) -> str:
    return "a section" if isinstance(found, Mapping) else "a list"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _description(fault: Fault) -> str:
    return (fault.field.description or "") if fault.field else ""


def _joined(*hints: str) -> str:
    return " ".join(hint for hint in hints if hint)


_WORDS: Mapping[str, Callable[[Fault], Words]] = {
    "missing": _missing,
    "literal_error": _not_a_choice,
    "union_tag_invalid": _not_a_choice,
    "union_tag_not_found": _no_kind,
    "data_form": _no_form,
    "greater_than": _out_of_range,
    "greater_than_equal": _out_of_range,
    "less_than": _out_of_range,
    "less_than_equal": _out_of_range,
    "string_pattern_mismatch": _wrong_form,
    "string_too_long": _too_long,
    "string_too_short": _empty,
    "too_short": _empty,
}
