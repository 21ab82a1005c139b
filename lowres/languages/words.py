"""Words by white space alone: the same for every tokenizer, so that what is measured over them can be compared."""

import re

LONGEST = 24  # a longer run is no word between spaces: its script has none, or it is an address
STRETCH = 6  # such a run is cut into stretches of so many characters
_RUN = re.compile(r"\S+")


def words(text: str) -> list[tuple[int, int]]:
    """Start and end of each word, in characters. The white space before a word is its own, so that they fill the whole text
    up to its last sign.
    """
    found, at = [], 0
    for run in _RUN.finditer(text):
        start, end = run.span()
        inner = range(start + STRETCH, end, STRETCH) if end - start > LONGEST else ()
        for cut in (*inner, end):
            found.append((at, cut))
            at = cut
    return found
