"""What models call languages: the pieces that stand for `min-Latn` in NLLB, M2M100, mBART, Marian and in our own."""

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
    """How a family writes a language as a piece. `shape` recognises such pieces; `pattern` and `new` are filled with `three` and
    `two` letters (three where there are no two) and the `script`."""

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


def form_of(pieces: Iterable[str]) -> Form | None:
    """The form in which these special pieces name languages: that of most of them; None where none does."""
    counts = dict.fromkeys(FORMS, 0)
    for piece in pieces:
        for form in FORMS:
            counts[form] += re.fullmatch(form.shape, piece) is not None
    best = max(FORMS, key=lambda form: counts[form])
    return best if counts[best] else None


def piece_for(tag: str, pieces: Iterable[str], form: Form) -> str | None:
    """The piece that stands for a language, by its own code or that of its group; None where the model has none."""
    code, script = tag.split("-")
    group = {member: whole for whole, member in MEMBERS.items()}
    found = {piece for piece in pieces if re.fullmatch(form.shape, piece)}
    for three in dict.fromkeys((code, MEMBERS.get(code, code), group.get(code, code))):
        pattern = form.pattern.format(three=three, two=_short(three), script=script)
        for piece in sorted(found):
            if re.fullmatch(pattern, piece):
                return piece
    return None


def new_piece(tag: str, form: Form) -> str:
    """The piece that a new language gets."""
    code, script = tag.split("-")
    return form.new.format(three=code, two=_short(code), script=script)


def _short(three: str) -> str:
    """The two letters of ISO 639-1, or the three of ISO 639-3 where there are none."""
    from langcodes.data_dicts import LANGUAGE_ALPHA3

    return next((two for two, code in LANGUAGE_ALPHA3.items() if code == three and len(two) == 2), three)
