"""Documents that translations are written into: what is missing from them, and everything else byte for byte as it was."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Splice:
    """New bytes in place of those from `start` to `end`."""

    start: int
    end: int
    data: bytes


@dataclass(frozen=True)
class Blank:
    """A translation that is missing: its place “name:line”, and the texts to translate (two where a message has a plural).

    `write` gives the changes that their translations make; it raises ValueError where they cannot stand there. `remark` gives those
    that put a remark of one line for translators beside it; None where the format has no room for one.
    """

    where: str
    texts: tuple[str, ...]
    write: Callable[[Sequence[str]], list[Splice]]
    remark: Callable[[str], list[Splice]] | None = None


@dataclass(frozen=True)
class Document:
    """A file with its blanks.

    `finished` counts translations that are there already, `skipped` counts texts that are not to be translated, by reason.
    `languages` are the codes of source and target where the file names them, else empty. `marks` says how the format marks a
    translation that nobody has looked at; it is empty where it cannot. `always` are changes that are made in any case.
    """

    name: str
    data: bytes
    blanks: tuple[Blank, ...]
    finished: int
    marks: str = ""
    languages: tuple[str, str] = ("", "")
    skipped: dict[str, int] | None = None
    always: tuple[Splice, ...] = ()

    def filled(
        self, translations: Sequence[Sequence[str] | None], remarks: Mapping[int, str] = MappingProxyType({})
    ) -> bytes:
        """The document with the translations of each blank's texts; None leaves a blank as it is. `remarks` go by its number."""
        splices = list(self.always)
        for number, (blank, translated) in enumerate(zip(self.blanks, translations, strict=True)):
            if translated is not None:
                splices += blank.remark(remarks[number]) if blank.remark and number in remarks else []
                splices += blank.write(translated)
        parts, at = [], 0
        for splice in sorted(splices, key=lambda one: (one.start, one.end)):
            parts += [self.data[at : splice.start], splice.data]
            at = splice.end
        return b"".join((*parts, self.data[at:]))


def surrounded(text: str, translation: str) -> str:
    """The translation with the white space that stands before and behind the text; gettext wants that to be the same."""
    bare = text.strip()
    start = len(text) - len(text.lstrip())
    return f"{text[:start]}{translation.strip()}{text[start + len(bare) :]}" if bare else text
