"""Language tokens of models: how NLLB, M2M100, mBART, MADLAD-400, Marian and lowres write a language such as `min-Latn`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from lowres.languages.tags import language

# Macrolanguages of ISO 639-3 (and Tagalog, whose standard is Filipino), and the member that models mean by them: NLLB's list.
MEMBERS: Mapping[str, str] = {
    "aka": "twi", "ara": "arb", "aym": "ayr", "aze": "azj", "bik": "bcl", "bua": "bxr", "chm": "mhr", "din": "dik", "doi": "dgo",
    "est": "ekk", "fas": "pes", "ful": "fuv", "grn": "gug", "iku": "ike", "kau": "knc", "kok": "gom", "kom": "kpv", "kur": "kmr",
    "lav": "lvs", "mlg": "plt", "mon": "khk", "msa": "zsm", "nep": "npi", "nor": "nob", "ori": "ory", "orm": "gaz", "pus": "pbt",
    "que": "quy", "sqi": "als", "srd": "sro", "swa": "swh", "tgl": "fil", "tmh": "taq", "uzb": "uzn", "yid": "ydd", "zho": "cmn",
}  # fmt: skip
# Language tokens that do not follow the form of their family, with the language that they stand for.
IRREGULAR: Mapping[str, str] = {
    "sat_Beng": "sat-Olck",  # NLLB's Santali is written in Ol Chiki
    "__ns__": "nso",  # M2M100's Northern Sotho
}
# Scripts of ISO 15924 that name the same writing, or a part of it.
SAME_SCRIPT: Mapping[str, tuple[str, ...]] = {
    "Aran": ("Arab",), "Hang": ("Kore",), "Hani": ("Hans", "Hant"), "Hira": ("Jpan",), "Hrkt": ("Jpan",), "Jpan": ("Hrkt",),
    "Kana": ("Jpan",), "Kore": ("Hang",), "Latf": ("Latn",), "Latg": ("Latn",), "Syre": ("Syrc",), "Syrj": ("Syrc",),
    "Syrn": ("Syrc",),
}  # fmt: skip


@dataclass(frozen=True)
class Form:
    """How a family writes language tokens. `shape` matches any of them; `pattern` matches the tokens of one language and `new` is
    the token that a new language gets: both are filled with `three` (ISO 639-3), `two` (ISO 639-1, else `three`) and `script`."""

    shape: str
    pattern: str
    new: str


FORMS: tuple[Form, ...] = (
    Form(r"<[a-z]{3}-[A-Z][a-z]{3}>", "<{three}-{script}>", "<{three}-{script}>"),  # our own
    Form(r"[a-z]{3}_[A-Z][a-z]{3}", "{three}_{script}", "{three}_{script}"),  # NLLB
    Form(r"__[a-z]{2,3}__", "__{two}__", "__{two}__"),  # M2M100
    Form(r"[a-z]{2,3}_[A-Z]{2}", "{two}_[A-Z]{{2}}", "{two}_XX"),  # mBART
    Form(r"<2[a-z]{2,3}(?:_[A-Za-z_]+)?>", "<2(?:{three}|{two})(?:_{script})?>", "<2{two}>"),  # MADLAD-400
    Form(r">>[A-Za-z_]+<<", ">>(?:{three}|{two}|{three}_{script})<<", ">>{three}<<"),  # Marian
)
OWN = FORMS[0]


def form_of(tokens: Iterable[str]) -> Form | None:
    """The form of the language tokens among some tokens: that of most of them; None where there are none."""
    counts = dict.fromkeys(FORMS, 0)
    for token in tokens:
        for form in FORMS:
            counts[form] += re.fullmatch(form.shape, token) is not None
    best = max(FORMS, key=lambda form: counts[form])
    return best if counts[best] else None


def token_for(tag: str, tokens: Iterable[str], form: Form) -> str | None:
    """The language token of a language tag, by its own code or that of its macrolanguage; None where the model has none."""
    code, script = tag.split("-")
    known = sorted({token for token in tokens if re.fullmatch(form.shape, token)})
    regular = [token for token in known if IRREGULAR.get(token, tag) in (tag, code)]
    for three in _same_language(code):
        if odd := next((token for token in regular if IRREGULAR.get(token) in (three, f"{three}-{script}")), None):
            return odd
        for written in (script, *SAME_SCRIPT.get(script, ())):
            pattern = form.pattern.format(three=three, two=_short(three), script=written)
            if found := [token for token in regular if re.fullmatch(pattern, token)]:
                return max(found, key=len)  # with its script, if there is such a token
    return None


def related_tokens(tag: str, tokens: Iterable[str], form: Form) -> list[str]:
    """Language tokens that a new token could start from: the same language in another script, or its macrolanguage."""
    from langcodes.data_dicts import MACROLANGUAGES

    code, script = tag.split("-")
    known = sorted({token for token in tokens if re.fullmatch(form.shape, token)})
    whole = MACROLANGUAGES.get(code, code)
    codes = (*_same_language(code), *(_long(whole), MEMBERS.get(_long(whole), code)))
    patterns = [
        form.pattern.format(three=three, two=_short(three), script=written)
        for three in dict.fromkeys(codes)
        for written in (script, "[A-Z][a-z]{3}")
    ]
    return list(dict.fromkeys(token for pattern in patterns for token in known if re.fullmatch(pattern, token)))


def tag_of(token: str, form: Form, script: str) -> str:
    """The language tag that a language token stands for; `script` where the token does not tell."""
    meant = IRREGULAR.get(token, "")
    code, _, own = re.sub(r"^<2|[<>]|^__|__$", "", token).replace("-", "_").partition("_")
    written = own if re.fullmatch(r"[A-Z][a-z]{3}", own) else script
    return meant if "-" in meant else f"{meant or _long(code)}-{written}"


def _same_language(code: str) -> Sequence[str]:
    """A code, its usual member if it is a macrolanguage, and the macrolanguage whose usual member it is."""
    macro = {member: whole for whole, member in MEMBERS.items()}
    return tuple(dict.fromkeys((code, MEMBERS.get(code, code), macro.get(code, code))))


def new_token(tag: str, form: Form) -> str:
    """The token that a language gets which the model does not know."""
    code, script = tag.split("-")
    return form.new.format(three=code, two=_short(code), script=script)


def instruction(source: str, target: str) -> str:
    """What a family without language tokens (T5) is told before a text, as in its own training: in English, with names."""
    return f"translate {language(source).name} to {language(target).name}: "


def translation_request(text: str, source: str, target: str, hint: str = "") -> str:
    """What a decoder is asked, in English, with names; a hint is the phrase table's translation."""
    asked = f"Translate from {language(source).name} into {language(target).name}: {text}"
    return f"{asked}\nWord by word: {hint}" if hint else asked


@cache
def _short(three: str) -> str:
    """The ISO 639-1 code of a language, or its ISO 639-3 code where there is none."""
    from langcodes.data_dicts import LANGUAGE_ALPHA3

    return next((two for two, code in LANGUAGE_ALPHA3.items() if code == three and len(two) == 2), three)


def _long(code: str) -> str:
    """The ISO 639-3 code of an ISO 639-1 code; any other code as it is."""
    from langcodes.data_dicts import LANGUAGE_ALPHA3

    return str(LANGUAGE_ALPHA3.get(code, code))
