"""Language tokens of models: how NLLB, M2M100, mBART, Marian and lowres write a language such as `min-Latn`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Codes of groups of languages, and the member that models mean by them (NLLB's own list of languages).
MEMBERS: Mapping[str, str] = {
    "ara": "arb", "aym": "ayr", "aze": "azj", "est": "ekk", "fas": "pes", "kur": "kmr", "lav": "lvs", "mlg": "plt", "mon": "khk",
    "msa": "zsm", "nep": "npi", "nor": "nob", "ori": "ory", "orm": "gaz", "pus": "pbt", "que": "quy", "sqi": "als", "swa": "swh",
    "uzb": "uzn", "yid": "ydd", "zho": "cmn",
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
    group = {member: whole for whole, member in MEMBERS.items()}
    found = {token for token in tokens if re.fullmatch(form.shape, token)}
    for three in dict.fromkeys((code, MEMBERS.get(code, code), group.get(code, code))):
        pattern = form.pattern.format(three=three, two=_short(three), script=script)
        for token in sorted(found):
            if re.fullmatch(pattern, token):
                return token
    return None


def new_token(tag: str, form: Form) -> str:
    """The token that a language gets which the model does not know."""
    code, script = tag.split("-")
    return form.new.format(three=code, two=_short(code), script=script)


def _short(three: str) -> str:
    """The ISO 639-1 code of a language, or its ISO 639-3 code where there is none."""
    from langcodes.data_dicts import LANGUAGE_ALPHA3

    return next((two for two, code in LANGUAGE_ALPHA3.items() if code == three and len(two) == 2), three)
