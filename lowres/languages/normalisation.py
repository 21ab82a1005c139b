"""Unicode normalisation of all text: train, dev, test, and the input of predict."""

import re
import unicodedata

# Thai, Lao, Burmese, Khmer, Tai, Balinese, Javanese and their kin write a zero-width space where words part;
# everywhere else it is an artefact of web pages.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa60-\uaadf"
_ZERO_WIDTH_SPACES = re.compile("\u200b+")
_UNSPACED_LETTER = re.compile(f"[{_UNSPACED}]")


class _WordsOnly(dict[int, str]):
    """For str.translate: punctuation, symbols, spaces and control characters become a space; filled on demand."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = " " if unicodedata.category(character)[0] in "PSZC" else character
        return self[code]


_WORDS_ONLY = _WordsOnly()


def normalise(text: str) -> str:
    """The text in NFC, without byte order marks, stray zero-width spaces and surrounding white space.

    Zero-width joiners stay, since Indic and Arabic spelling needs them; a zero-width space stays between letters
    of scripts that part words with it. White space inside the text is left as it is.
    """
    if text.isascii():
        return text.strip()
    text = text.replace("\ufeff", "")
    if "\u200b" in text:
        text = _ZERO_WIDTH_SPACES.sub(_keep_between_unspaced_letters, text)
    return unicodedata.normalize("NFC", text).strip()


def matching_key(text: str) -> str:
    """The text without compatibility forms, capitals, punctuation and spacing: equal keys mean texts that a reader takes for equal.

    A text without letters and digits is compared as it stands.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(_WORDS_ONLY).split()) or text


def _keep_between_unspaced_letters(match: re.Match[str]) -> str:
    text, start, end = match.string, match.start(), match.end()
    neighbours = text[start - 1 : start], text[end : end + 1]
    return "\u200b" if all(_UNSPACED_LETTER.match(letter) for letter in neighbours) else ""
