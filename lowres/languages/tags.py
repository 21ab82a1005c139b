"""Language tags: an ISO 639-3 code and a script, such as min-Latn."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from lowres.errors import LowresError, Problem, nearest

# fmt: off
RIGHT_TO_LEFT = frozenset((
    "Adlm", "Arab", "Aran", "Armi", "Chrs", "Cprt", "Hatr", "Hebr", "Hung", "Khar", "Lydi", "Mand", "Mani", "Mend",
    "Merc", "Mero", "Narb", "Nbat", "Nkoo", "Orkh", "Ougr", "Palm", "Phli", "Phlp", "Phnx", "Prti", "Rohg", "Samr",
    "Sarb", "Sogd", "Sogo", "Syrc", "Thaa", "Yezi",
))
# fmt: on
_TAG = re.compile(r"([a-z]{3})-([A-Z][a-z]{3})")


@dataclass(frozen=True)
class Language:
    """A language in one script: `name` is English, `script` an ISO 15924 code."""

    tag: str
    name: str
    script: str
    direction: Literal["ltr", "rtl"]

    @property
    def code(self) -> str:
        """The ISO 639-3 code."""
        return self.tag[:3]

    def __str__(self) -> str:
        return f"{self.name} ({self.tag})"


@cache
def language(tag: str) -> Language:
    """The language of a tag such as `min-Latn`.

    Raises LowresError, with a suggestion where there is one, if the tag is not an ISO 639-3 code and an ISO 15924
    script joined by a hyphen.
    """
    match = _TAG.fullmatch(tag)
    if not match:
        raise LowresError(
            Problem(
                "",
                f"“{tag}” is not a language tag",
                _join(_meant(tag), "an ISO 639-3 code and a script, such as min-Latn"),
            )
        )
    code, script = match.groups()
    if code not in _names():
        raise LowresError(
            Problem(
                "",
                f"“{tag}”: ISO 639-3 does not know “{code}”",
                _join(_meant(tag) or _similar(code, script), "see iso639-3.sil.org"),
            )
        )
    if script not in _scripts():
        raise LowresError(
            Problem("", f"“{tag}”: ISO 15924 does not know “{script}”", _join(_meant(tag), "see unicode.org/iso15924"))
        )
    return Language(tag, _name(code), script, "rtl" if script in RIGHT_TO_LEFT else "ltr")


def _join(*hints: str) -> str:
    return " ".join(hint for hint in hints if hint)


def _name(code: str) -> str:
    from langcodes import Language as Tag

    name = Tag.get(code).language_name()
    return _names()[code] if name.startswith("Unknown language") else name


def _meant(tag: str) -> str:
    """“did you mean …?” for a two-letter, bibliographic or retired code, a code without a script, or a language's name."""
    code, _, script = re.sub(r"[_\s]", "-", tag.strip()).partition("-")
    known = _code_of(code) or _code_by_name(tag)
    if not known:
        return ""
    near = nearest(script.title(), _scripts()) if script else ""
    script = (
        script.title()
        if script.title() in _scripts()
        else near.partition("“")[2].partition("”")[0] or _likely_script(known)
    )
    return f"did you mean “{known}-{script}”?"


def _code_of(code: str) -> str:
    from langcodes.data_dicts import LANGUAGE_ALPHA3, LANGUAGE_ALPHA3_BIBLIOGRAPHIC, LANGUAGE_REPLACEMENTS

    code = code.lower()
    if code in _names():
        return code
    bibliographic = {three: two for two, three in LANGUAGE_ALPHA3_BIBLIOGRAPHIC.items()}
    code = bibliographic.get(code, LANGUAGE_REPLACEMENTS.get(code, code))
    code = LANGUAGE_ALPHA3.get(code, code)
    return code if code in _names() else ""


def _code_by_name(name: str) -> str:
    from langcodes import find
    from langcodes.data_dicts import LANGUAGE_ALPHA3

    try:
        code = find(name).language or ""
    except LookupError:
        return ""
    code = LANGUAGE_ALPHA3.get(code, code)
    return code if code in _names() else ""


def _likely_script(code: str) -> str:
    from langcodes import Language as Tag

    return Tag.get(code).maximize().script or "Latn"


def _similar(code: str, script: str) -> str:
    """The three languages with the most speakers whose code differs by one letter, or by two letters swapped."""
    from language_data.population_data import LANGUAGE_SPEAKING_POPULATION as SPEAKERS

    letters = "abcdefghijklmnopqrstuvwxyz"
    swaps = {code[1] + code[0] + code[2], code[0] + code[2] + code[1]}
    neighbours = swaps | {code[:i] + letter + code[i + 1 :] for i in range(3) for letter in letters}
    spoken = sorted(
        (other for other in neighbours if other in SPEAKERS and other in _names()),
        key=lambda other: (-SPEAKERS[other], other),
    )
    return (
        "did you mean " + ", ".join(f"{other}-{script} ({_name(other)})" for other in spoken[:3]) + "?"
        if spoken
        else ""
    )


@cache
def _names() -> Mapping[str, str]:
    """ISO 639-3 code → reference name, read from the IANA registry, which holds the whole of ISO 639-3."""
    from langcodes.data_dicts import LANGUAGE_ALPHA3
    from language_data.registry_parser import parse_registry

    names: dict[str, str] = {}
    for item in parse_registry():
        individual = item["Type"] == "language" and item.get("Scope") not in ("collection", "private-use")
        if individual and "Deprecated" not in item:
            code = LANGUAGE_ALPHA3.get(item["Subtag"], item["Subtag"])
            names[code] = item["Description"][0]
    local = (f"q{second}{third}" for second in "abcdefghijklmnopqrst" for third in "abcdefghijklmnopqrstuvwxyz")
    return names | {code: f"local code {code}" for code in local}


@cache
def _scripts() -> frozenset[str]:
    from langcodes.data_dicts import ALL_SCRIPTS

    return frozenset(ALL_SCRIPTS)
