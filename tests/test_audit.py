"""The audit of a tokenizer against hand-counted texts, and the command that shows it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from transformers import AutoTokenizer, ByT5Tokenizer, PreTrainedTokenizerBase

import lowres
from lowres.cli import lowres as command
from lowres.errors import DataError
from lowres.models.checkpoint import Checkpoint
from lowres.vocabulary.audit import Sample, Text, audit


@pytest.fixture(scope="module")
def xlmr(starter: Checkpoint) -> PreTrainedTokenizerBase:
    found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(str(starter.folder))
    return found


def sample(*lines: str, name: str = "train") -> Sample:
    return Sample(name, [Text(f"{name}:{number}", line) for number, line in enumerate(lines, 1)])


def test_numbers_are_those_one_counts_by_hand(xlmr: PreTrainedTokenizerBase) -> None:
    lines = ("the house is old", "makanannyo")
    found = audit(xlmr, [sample(*lines)]).samples[0]
    pieces = [xlmr.tokenize(line) for line in lines]
    assert pieces[0] == ["▁the", "▁house", "▁is", "▁old"] and len(pieces[1]) > 1
    total = len(pieces[0]) + len(pieces[1])
    assert (found.lines, found.words, found.pieces) == (2, 5, total)
    assert found.fertility == pytest.approx(total / 5)
    assert found.pieces_per_character == pytest.approx(total / 23)
    assert found.bytes_per_piece == pytest.approx(26 / total)
    assert found.whole_words == pytest.approx(4 / 5)
    assert found.unknown == () and found.folded == () and found.lossy_lines == 0


def test_unknown_and_folded_characters_have_names_counts_and_places(xlmr: PreTrainedTokenizerBase) -> None:
    found = audit(xlmr, [sample("Ɖò xwé", "tʰa ﬁn", "Ɖan ná ɖò", "nǹ ʼa ’a")]).samples[0]
    unknown = {character.character: character for character in found.unknown}
    assert unknown["Ɖ"].code == "U+0189" and unknown["Ɖ"].count == 2 and unknown["Ɖ"].places == ("train:1", "train:3")
    assert unknown["Ɖ"].other_case_known
    folded = {character.character: character.becomes for character in found.folded}
    assert folded == {"ʰ": "h", "ﬁ": "fi"}  # and no combining mark
    assert found.apostrophes == {"ʼ": 1, "’": 1}
    assert set(unknown) == {"Ɖ", "ǹ"}
    assert found.unknown_words == pytest.approx(3 / 10) and found.lossy_lines == 1  # each line holds one of the above


def test_another_spelling_in_another_split_is_said_first(xlmr: PreTrainedTokenizerBase) -> None:
    train = sample(*["kura mesi tolo nari" for _ in range(600)])
    dev = sample(*["kurâ mesî tolô narê" for _ in range(50)], name="dev")
    found = audit(xlmr, [train, dev])
    assert found.advice == "check the spelling" and "dev" in found.reasons[0] and "â" in found.reasons[0]
    assert audit(xlmr, [train, sample("kura nari", name="dev")]).advice != "check the spelling"


@pytest.mark.parametrize("lines", [(), ("",), ("a",), ("😀😀😀",), ("</s> <mask> ▁",), ("ހަތަރު ދިވެހި",), ("x" * 200_000,)])
def test_strange_text_has_a_plain_outcome(xlmr: PreTrainedTokenizerBase, lines: tuple[str, ...]) -> None:
    found = audit(xlmr, [sample(*lines)])
    assert found.advice in ("leave", "characters") and found.reasons[0]


def test_bytes_have_nothing_to_extend() -> None:
    found = audit(ByT5Tokenizer(), [sample("jó napot")])
    assert found.advice == "leave" and "bytes or characters" in found.reasons[0]
    assert found.samples[0].pieces == len("jó napot".encode())


def test_the_command_reads_tables_and_answers_as_json(starter: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("text\tlabel\nthe house is old\tx\nƉò xwé\ty\n", encoding="utf-8")
    asked = ["audit", "--base", str(starter.folder), "--offline", str(tmp_path / "train.tsv")]
    answer = CliRunner().invoke(command, asked)
    assert answer.exit_code == 0, answer.output
    assert "U+0189 LATIN CAPITAL LETTER AFRICAN D" in answer.output and "train.tsv:3" in answer.output
    facts = json.loads(CliRunner().invoke(command, [*asked, "--json"]).output)
    assert facts["samples"][0]["words"] == 6 and facts["kind"] == "unigram"


def test_a_missing_column_and_a_binary_file_are_named(starter: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("satz\tlabel\nthe house\tx\n")
    (tmp_path / "photo.txt").write_bytes(bytes(range(256)) * 20)
    for name, why in (("train.tsv", "no column “text”"), ("photo.txt", "photo.txt")):
        with pytest.raises(DataError, match=why):
            CliRunner().invoke(
                command, ["audit", "--base", str(starter.folder), str(tmp_path / name)], catch_exceptions=False
            )


def test_it_stands_at_the_public_door(xlmr: PreTrainedTokenizerBase) -> None:
    assert lowres.audit(xlmr, [sample("the house")]).samples[0].words == 2
