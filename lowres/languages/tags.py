"""Language tags: an ISO 639-3 code and a script, such as min-Latn."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from lowres.errors import LowresError, Problem, nearest
from lowres.languages.language_groups import MEMBERS_OF_GROUPS, SAME_GROUPS

# fmt: off
RIGHT_TO_LEFT = frozenset((
    "Adlm", "Arab", "Aran", "Armi", "Chrs", "Cprt", "Hatr", "Hebr", "Hung", "Khar", "Lydi", "Mand", "Mani", "Mend",
    "Merc", "Mero", "Narb", "Nbat", "Nkoo", "Orkh", "Ougr", "Palm", "Phli", "Phlp", "Phnx", "Prti", "Rohg", "Samr",
    "Sarb", "Sogd", "Sogo", "Syrc", "Thaa", "Yezi",
))
# fmt: on
_TAG = re.compile(r"([a-z]{3})-([A-Z][a-z]{3})")
_GLOTTOCODE = re.compile(r"([a-z]{4}[0-9]{4})(?:[-_].*)?")
# Codes of ISO 15924 that name no script in which a language is written.
NO_SCRIPTS = {
    "Zyyy": "characters common to all scripts", "Zinh": "marks that follow another script", "Zxxx": "what is not written",
    "Zzzz": "a script without a code", "Zmth": "mathematical notation", "Zsym": "symbols", "Zsye": "emoji",
}  # fmt: skip
_REGION = re.compile(r"[A-Za-z]{2}|[0-9]{3}")
# Where CLDR, which langcodes asks, names another script than that of nearly all texts, or none.
LIKELY_SCRIPTS = {"grc": "Grek", "azb": "Arab"}
_FORM = "an ISO 639-3 code and a script, such as min-Latn"


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

    @property
    def bcp47(self) -> str:
        """The tag as the web writes it (BCP 47), with the shortest code of the language: `en-Latn`, `min-Latn`.

        Of a direction such as ind-Latn→min-Latn it is the target's; what is no tag is undetermined, `und`.
        """
        match = _TAG.fullmatch(self.tag.rpartition("→")[2])
        return f"{shortest_code(match[1])}-{match[2]}" if match else "und"

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
        code = re.split(r"[-_]", tag.strip())[0].lower()
        if code in _others() and code not in _names():
            raise LowresError(_no_language(tag, code, ""))
        raise LowresError(Problem("", f"“{tag}” is not a language tag", _join(_meant(tag), _FORM)))
    code, script = match.groups()
    if code not in _names():
        raise LowresError(_no_language(tag, code, script))
    if script not in _scripts():
        raise LowresError(
            Problem("", f"“{tag}”: ISO 15924 does not know “{script}”", _join(_meant(tag), "see unicode.org/iso15924"))
        )
    if script in NO_SCRIPTS:
        what = f"“{tag}”: “{script}” is not a script but {NO_SCRIPTS[script]}"
        raise LowresError(Problem("", what, "name the script that the text is written in"))
    return Language(tag, _name(code), script, "rtl" if script in RIGHT_TO_LEFT else "ltr")


def is_language_code(code: str) -> bool:
    """Whether a code is one of ISO 639-3 or ISO 639-1."""
    return code in (_names() if len(code) == 3 else _two_letters().values())


def shortest_code(code: str) -> str:
    """The ISO 639-1 code (two letters) of an ISO 639-3 code, or that code itself where ISO 639-1 has none."""
    return _two_letters().get(code, code)


def is_written_as(tag: str, code: str) -> bool:
    """Whether a language code, as files write it (en, en-US, eng_Latn, EN), can mean the language and script of a tag."""
    language_part, *rest = re.split(r"[-_@]", code.strip())
    scripts = [part.title() for part in rest if len(part) == 4 and part.title() in _scripts()]
    return _code_of(language_part) == tag[:3] and scripts in ([], [tag[4:]])


def _no_language(tag: str, code: str, script: str) -> Problem:
    """The Problem of a code that stands for no single language."""
    kind, name = _others().get(code, ("", ""))
    if kind == "special":
        return Problem("", f"“{tag}”: “{code}” ({name}) is not a language", "name the one language of the texts")
    if kind == "collection":
        members = [
            f"{member}-{script or _likely_script(member)} ({_name(member)})"
            for member in MEMBERS_OF_GROUPS.get(code, "").split()
        ]
        hint = (
            f"choose one of its languages, such as {', '.join(members)}" if members else "choose one of its languages"
        )
        return Problem("", f"“{tag}”: “{code}” is a group of languages ({name}), not one language", hint)
    own = f"; for a language without a code, or with a new one: qaa-{script} to qtz-{script}"
    meant = _meant(tag)
    hint = _join(meant or _similar(code, script), f"see iso639-3.sil.org{'' if meant else own}")
    return Problem("", f"“{tag}”: ISO 639-3 does not know “{code}”", hint)


def _join(*hints: str) -> str:
    return " ".join(hint for hint in hints if hint)


def _name(code: str) -> str:
    """The usual English name, unless langcodes takes the code for another language's: then that of the registry."""
    from langcodes import Language as Tag

    tag = Tag.get(code)
    name = tag.language_name()
    same = tag.language in (code, shortest_code(code))
    return name if same and not name.startswith("Unknown language") else _names()[code]


def _meant(tag: str) -> str:
    """“did you mean …?” for a two-letter, bibliographic or retired code, a code without a script, or a language's name."""
    if glottocode := _GLOTTOCODE.fullmatch(tag.strip().lower()):
        return f"this is a Glottocode; its ISO 639-3 code stands at glottolog.org/resource/languoid/id/{glottocode[1]};"
    code, _, script = re.sub(r"[_\s]", "-", tag.strip()).partition("-")
    known = _code_of(code) or _code_by_name(tag)
    if not known:
        return ""
    first, *others = script.split("-")
    region = next((part for part in (first, *others) if _REGION.fullmatch(part)), "")
    near = "" if first in ("", region) else nearest(first.title(), _scripts())
    script = (
        first.title()
        if first.title() in _scripts()
        else near.partition("“")[2].partition("”")[0] or _likely_script(known, region)
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
    except (
        LookupError,
        UnicodeDecodeError,
    ):  # the table of langcodes has places that hold no name, such as that of NUL
        return ""
    code = LANGUAGE_ALPHA3.get(code, code)
    return code if code in _names() else ""


def _likely_script(code: str, region: str = "") -> str:
    """The script that a language is usually written in, or in one country (a code of ISO 3166 or UN M.49)."""
    from langcodes import Language as Tag

    written = LIKELY_SCRIPTS.get(code)
    return written or Tag.get(f"{code}-{region}" if region else code).maximize().script or "Latn"


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
    threes = {two: three for three, two in _two_letters().items()}
    names = {
        threes.get(item["Subtag"], item["Subtag"]): item["Description"][0]
        for item in _registry()
        if item.get("Scope") not in ("collection", "private-use", "special")
    }
    local = (f"q{second}{third}" for second in "abcdefghijklmnopqrst" for third in "abcdefghijklmnopqrstuvwxyz")
    return names | {code: f"local code {code}" for code in local}


@cache
def _others() -> Mapping[str, tuple[str, str]]:
    """Code → (“collection” or “special”, name) of what the registry lists beside languages."""
    return {
        SAME_GROUPS.get(item["Subtag"], item["Subtag"]): (item["Scope"], item["Description"][0])
        for item in _registry()
        if item.get("Scope") in ("collection", "special")
    }


@cache
def _two_letters() -> Mapping[str, str]:
    """ISO 639-3 code → ISO 639-1 code."""
    from langcodes.data_dicts import LANGUAGE_ALPHA3

    current = {item["Subtag"] for item in _registry()}
    return {three: two for two, three in LANGUAGE_ALPHA3.items() if len(two) == 2 and two in current}


@cache
def _registry() -> Sequence[Mapping[str, Any]]:
    """The languages of the IANA registry that are not deprecated."""
    from language_data.registry_parser import parse_registry

    return [item for item in parse_registry() if item["Type"] == "language" and "Deprecated" not in item]


@cache
def _scripts() -> frozenset[str]:
    from langcodes.data_dicts import ALL_SCRIPTS

    return frozenset(ALL_SCRIPTS)
