"""Whether two texts of one language use the same letters."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lowres.languages.normalisation import normalise
from lowres.languages.scripts import SCRIPTS_OF_TAG, script_of, share_in
from lowres.vocabulary.expansion.candidates import IN_WORDS
from lowres.vocabulary.measurement.characters import list_characters

TIMES = 20  # a letter so many times rarer in one text than in the other counts as absent
EXPECTED = 20  # it must be expected so often there that chance does not explain its absence
SEEN = 10  # and occur so often here that names and foreign words do not explain it
STRANGE = 0.02  # share of the letters of a text; below it, it is a matter of names and topics


@dataclass(frozen=True)
class Strange:
    """Letters that one text has and another lacks, commonest first, and their share of all its letters (0–1)."""

    characters: tuple[str, ...]
    share: float


def letters(texts: Iterable[str]) -> Counter[str]:
    """Counts of letters in lower case, marks and apostrophes; marks that compose are counted with their letter."""
    found: Counter[str] = Counter()
    for text in texts:
        found.update(normalise(text).lower())
    return Counter({one: count for one, count in found.items() if one in IN_WORDS or _is_letter(one)})


def strange(here: Mapping[str, int], there: Mapping[str, int]) -> Strange:
    """The letters of `here` that are absent from `there`, although many would be expected by their share."""
    size, other = sum(here.values()), sum(there.values())
    if not size or not other:
        return Strange((), 0.0)
    found: list[str] = []
    for one, count in here.items():
        expected = count / size * other
        if count >= SEEN and expected >= EXPECTED and expected >= TIMES * (there.get(one, 0) + 0.5):
            found.append(one)
    found.sort(key=lambda one: (-here[one], one))
    return Strange(tuple(found), sum(here[one] for one in found) / size)


def differences(name: str, texts: Sequence[str], other_name: str, others: Sequence[str], script: str = "") -> list[str]:
    """Sentences on the letters in which two texts differ; empty where they agree.

    With `script`, letters of other scripts are left out, where both texts have some in that script: mixed text is more mixed in
    one split than in another, and still written well.
    """
    mine, theirs = letters(texts), letters(others)
    if script and min(share_in(script, mine), share_in(script, theirs)) > 0:
        meant = (*SCRIPTS_OF_TAG.get(script, (script,)), "")
        mine, theirs = (
            Counter({one: n for one, n in found.items() if script_of(one) in meant}) for found in (mine, theirs)
        )
    said = []
    for here, there, a, b in ((theirs, mine, other_name, name), (mine, theirs, name, other_name)):
        found = strange(here, there)
        if found.share >= STRANGE:
            said.append(
                f"{found.share:.1%} of the letters of {a} hardly ever occur in {b}: {list_characters(found.characters)}"
            )
    return said


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"
