"""Words by white space alone: the same for every tokenizer, so that measures per word are comparable."""

import re

LONGEST = 24  # characters; a longer run is not one word: its script has no spaces, or it is an address
STRETCH = 6  # characters; longer runs are cut into stretches of this length
_RUN = re.compile(r"\S+")


def words(text: str) -> list[tuple[int, int]]:
    """(start, end) of each word in characters. A word includes the white space before it, so the words cover the whole text up
    to its last character that is no white space.
    """
    found, at = [], 0
    for run in _RUN.finditer(text):
        start, end = run.span()
        inner = range(start + STRETCH, end, STRETCH) if end - start > LONGEST else ()
        for cut in (*inner, end):
            found.append((at, cut))
            at = cut
    return found
