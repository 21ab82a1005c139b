"""Word lists and protected texts as users save them: with a byte order mark, blank lines, decomposed letters, another encoding."""

from pathlib import Path

import pytest

from lowres.errors import DataError
from lowres.planning import Options, read_data
from lowres.recipe import open_recipe
from lowres.vocabulary.fitting_data import FittingData, gather

RECIPE = (
    "lowres: 2\nname: files\ntask: {kind: classification}\n"
    "data: {files: {train: train.tsv, dev: dev.tsv, test: test.tsv}, language: eng-Latn, licence: private, source: ours}\n"
    "vocabulary: {lexicon: words.tsv, protect: [keep.txt]}\n"
)


def read(folder: Path, options: Options, words: bytes, kept: bytes = b"one line\n") -> FittingData:
    (folder / "words.tsv").write_bytes(words)
    (folder / "keep.txt").write_bytes(kept)
    (folder / "recipe.yaml").write_text(RECIPE)
    file = open_recipe(folder / "recipe.yaml")
    return gather(file.recipe, read_data(file, options), options.places(folder))


def test_marks_blank_lines_and_decomposed_letters_are_read_as_meant(small_data: Path, options: Options) -> None:
    words = "\ufeffsoup\tsup\r\n\r\nwarm\te\u0323 \n".encode()
    found = read(small_data, options, words, "\ufeffone line\n\n  \nand another\n".encode())
    assert found.lexicon == [("soup", "sup"), ("warm", "ẹ")]
    assert found.protect == ["one line", "and another"]


def test_another_encoding_and_every_faulty_line_are_named(small_data: Path, options: Options) -> None:
    with pytest.raises(DataError, match=r"words\.tsv:2  is not UTF-8: byte 0xe9 \(save it as UTF-8"):
        read(small_data, options, "soup\tsup\ncafé\tkopi\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"keep\.txt:1  is not UTF-8"):
        read(small_data, options, b"soup\tsup\n", "Menü".encode("cp1252"))
    with pytest.raises(DataError) as caught:
        read(small_data, options, b"soup\nwarm\thangat\none\ttwo\tthree\n")
    assert [problem.where for problem in caught.value.problems] == ["words.tsv:1", "words.tsv:3"]
