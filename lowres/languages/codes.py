"""Language tokens: what NLLB, M2M100, mBART, Marian and our own models write for `min-Latn`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lowres.languages.tags import shortest_code

# Macrolanguages of ISO 639-3, and the member language that models mean by them (from NLLB's list of languages).
MEMBERS: Mapping[str, str] = {
    "ara": "arb", "aym": "ayr", "aze": "azj", "est": "ekk", "fas": "pes", "kur": "kmr", "lav": "lvs", "mlg": "plt", "mon": "khk",
    "msa": "zsm", "nep": "npi", "nor": "nob", "ori": "ory", "orm": "gaz", "pus": "pbt", "que": "quy", "sqi": "als", "swa": "swh",
    "uzb": "uzn", "yid": "ydd", "zho": "cmn",
}  # fmt: skip


@dataclass(frozen=True)
class Form:
    """How a model family writes a language as a token.

    `shape` is a regular expression that matches every such token of the family. `pattern` (a regular expression) and `new`
    are templates for one language: `{three}` is its ISO 639-3 code, `{two}` its ISO 639-1 code (the ISO 639-3 code where there is
    none), `{script}` its ISO 15924 code.
    """

    shape: str
    pattern: str
    new: str


FORMS: tuple[Form, ...] = (
    Form(r"<[a-z]{3}-[A-Z][a-z]{3}>", "<{three}-{script}>", "<{three}-{script}>"),  # our own
    Form(r"[a-z]{3}_[A-Z][a-z]{3}", "{three}_{script}", "{three}_{script}"),  # NLLB
    Form(r"__[a-z]{2,3}__", "__{two}__", "__{two}__"),  # M2M100
    Form(r"[a-z]{2,3}_[A-Z]{2}", "{two}_[A-Z]{{2}}", "{two}_XX"),  # mBART
    Form(r">>[A-Za-z_]+<<", ">>(?:{three}|{two}|{three}_{script})<<", ">>{three}<<"),  # Marian
)
OWN = FORMS[0]


def form_of(tokens: Iterable[str]) -> Form | None:
    """The form that most of these special tokens have; None if none of them names a language."""
    counts = dict.fromkeys(FORMS, 0)
    for token in tokens:
        for form in FORMS:
            counts[form] += re.fullmatch(form.shape, token) is not None
    best = max(FORMS, key=lambda form: counts[form])
    return best if counts[best] else None


def language_token(tag: str, tokens: Iterable[str], form: Form) -> str | None:
    """The model's token for a language, by its own code, its macrolanguage's or a member's; None if the model has none."""
    code, script = tag.split("-")
    macrolanguages = {member: whole for whole, member in MEMBERS.items()}
    found = {token for token in tokens if re.fullmatch(form.shape, token)}
    for three in dict.fromkeys((code, MEMBERS.get(code, code), macrolanguages.get(code, code))):
        pattern = form.pattern.format(three=three, two=shortest_code(three), script=script)
        for token in sorted(found):
            if re.fullmatch(pattern, token):
                return token
    return None


def new_language_token(tag: str, form: Form) -> str:
    """The token to add for a language that the model does not know."""
    code, script = tag.split("-")
    return form.new.format(three=code, two=shortest_code(code), script=script)
