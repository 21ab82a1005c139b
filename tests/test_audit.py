"""The audit of a tokenizer against hand-counted texts, and the command that shows it."""

import json
import lzma
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, ByT5Tokenizer, CanineTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

import lowres
from lowres.cli import lowres as command
from lowres.errors import DataError
from lowres.languages.scripts import share_in, without_spaces
from lowres.models.checkpoint import Checkpoint
from lowres.vocabulary.expansion.expanding import extend
from lowres.vocabulary.measurement.advice import MUCH_TEXT, advise
from lowres.vocabulary.measurement.characters import Text
from lowres.vocabulary.measurement.measures import InspectedTokenizer, Measures, measure
from lowres.vocabulary.measurement.tokenizer_audit import LanguageAudit, Reference, audit
from lowres.vocabulary.tokenizer_json import TokenizerJson

SENTENCES = ["the house is old", "the mouse is new", "a house and a mouse", "new and old"] * 5


@pytest.fixture(scope="module")
def xlmr(starter: Checkpoint) -> PreTrainedTokenizerBase:
    found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(str(starter.folder))
    return found


def bpe(byte_level: bool) -> PreTrainedTokenizerFast:
    """A BPE tokenizer of a few English words, over characters or over bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token=None if byte_level else "<unk>"))
    tokenizer.pre_tokenizer = (
        pre_tokenizers.ByteLevel(add_prefix_space=False) if byte_level else pre_tokenizers.Metaspace()
    )
    tokenizer.decoder = decoders.ByteLevel() if byte_level else decoders.Metaspace()
    alphabet = pre_tokenizers.ByteLevel.alphabet() if byte_level else []
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=None if byte_level else "<unk>")


def wordpiece() -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer that makes capitals small and drops accents, as BERT's does."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(SENTENCES, trainers.WordPieceTrainer(vocab_size=80, special_tokens=["[UNK]"]))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")


def look(tokenizer: PreTrainedTokenizerBase, *texts: str, language: str = "x") -> LanguageAudit:
    return audit(tokenizer, {language: texts}).languages[0]


def characters(found: Measures) -> set[str]:
    return {one.character for one in found.unknown}


def test_numbers_are_those_one_counts_by_hand(xlmr: PreTrainedTokenizerBase) -> None:
    lines = ("the  house is old", "makanannyo")
    tokens = [xlmr.tokenize(line) for line in lines]
    assert tokens == [["▁the", "▁house", "▁is", "▁old"], ["▁makanan", "ny", "o"]]
    found = look(xlmr, *lines).first
    assert (found.lines, found.words, found.characters, found.tokens) == (2, 5, 23, 7)
    assert found.tokens_per_word == pytest.approx(7 / 5) and found.primary_metric == "tokens per word"
    assert found.tokens_per_character == pytest.approx(7 / 23)
    assert found.bytes_per_token == pytest.approx(26 / 7)  # white space counts once
    assert found.whole_words == pytest.approx(4 / 5)
    assert found.rows_used == pytest.approx(7 / 250_002)
    assert found.single_characters == pytest.approx(1 / 7)
    assert not found.unknown and not found.changed and found.lossy_lines == 0


def test_unknown_characters_have_names_counts_places_and_their_other_case(xlmr: PreTrainedTokenizerBase) -> None:
    texts = [Text("train.tsv:4", "Ɖò xwé"), Text("train.tsv:9", "Ɖan ná ɖò"), Text("train.tsv:12", "o̟")]
    found = audit(xlmr, {"fon-Latn": texts}).languages[0].first
    assert [(one.character, one.code, one.count, one.places, one.other_case) for one in found.unknown] == [
        ("Ɖ", "U+0189", 2, ("train.tsv:4", "train.tsv:9"), "ɖ"),
        ("̟", "U+031F", 1, ("train.tsv:12",), ""),
    ]
    assert found.unknown[0].name == "LATIN CAPITAL LETTER AFRICAN D"
    assert found.unknown_words == pytest.approx(3 / 6) and found.lossy_lines == 1 and found.respaced_lines == 0
    ids = [i for text in texts for i in xlmr(text.text, add_special_tokens=False)["input_ids"]]
    assert found.unknown_tokens == pytest.approx(ids.count(3) / len(ids)) and ids.count(3) == 3


def test_what_normalisation_changes_is_shown_before_and_after(xlmr: PreTrainedTokenizerBase) -> None:
    text = "tʰa kⁿo 1º ﬁn no´ya ｆｕ می\u200cخواهم ﻼ ▁x café ɔ́"
    found = {one.character: one for one in look(xlmr, text).first.changed}
    assert {one: (found[one].kind, found[one].becomes) for one in found} == {
        "ʰ": ("a raised letter", "h"),
        "ⁿ": ("a raised letter", "n"),
        "º": ("a raised letter", "o"),
        "ﬁ": ("a shape of a letter", "fi"),
        "´": ("a loose accent", " \u0301"),
        "ｆ": ("another width", "f"),
        "ｕ": ("another width", "u"),
        "\u200c": ("a joiner", " "),
        "ﻼ": ("a shape of a letter", "لا"),
        "▁": ("a sign", " "),
    }
    assert (found["´"].before, found["´"].after) == ("no´ya", "no \u0301ya")
    assert (found["\u200c"].before, found["\u200c"].after) == ("می\u200cخواهم", "می خواهم")
    assert look(xlmr, text, "plain").first.changed_lines == 0.5


def test_letters_that_may_belong_to_the_language_are_pointed_out(xlmr: PreTrainedTokenizerBase) -> None:
    said = " ".join(finding.what for finding in look(xlmr, "tʰa no´ya ˚ ﬁn").findings)
    assert "vocabulary.protected_characters" in said and said.endswith("apart: ´ ʰ")


def test_text_that_is_not_composed_is_counted_and_read_composed(xlmr: PreTrainedTokenizerBase) -> None:
    one = look(xlmr, "cafe\u0301 o\u0323\u0301", "café", "\u212b")  # the last is composed, but not NFC
    assert (one.first.not_nfc, one.first.decomposed, one.first.not_nfc_places) == (2, 1, ("text 1", "text 3"))
    assert one.first.lossy_lines == 0 and not one.first.unknown
    assert "not in Unicode's NFC: 2, 1 with letters and accents apart (first: text 1)" in one.findings[0].what


def test_apostrophes_of_several_kinds_are_counted_inside_words_only(xlmr: PreTrainedTokenizerBase) -> None:
    one = look(xlmr, "nʼa nʼo n’a", "mba ꞌa ‘quoted’ 'too'", "n’e")
    assert [(text.text, text.count, text.places) for text in one.first.apostrophes] == [
        ("ʼ", 2, ("text 1",)),
        ("’", 2, ("text 1", "text 3")),
        ("ꞌ", 1, ("text 2",)),
    ]
    assert "ʼ U+02BC 2× (text 1)" in one.findings[0].what
    assert not look(xlmr, "n’a ‘quoted’").findings


def test_special_pieces_in_the_text_are_pointed_out(xlmr: PreTrainedTokenizerBase) -> None:
    one = look(xlmr, "plain", "a </s> b </s> <mask>")
    assert [(text.text, text.count, text.places) for text in one.first.special_tokens_in_text] == [
        ("</s>", 2, ("text 2",)),
        ("<mask>", 1, ("text 2",)),
    ]
    assert "reads as text: </s> 2×, <mask> 1×" in one.findings[0].what


def test_thai_is_counted_by_characters_and_spaced_thai_by_words(xlmr: PreTrainedTokenizerBase) -> None:
    thai = look(xlmr, "มนุษย์เป็นหลักมูลเหตุแห่งอิสรภาพความยุติธรรมและสันติภาพในโลก", language="tha-Thai")
    assert (
        thai.first.primary_metric == "tokens per character" and thai.first.fertility == thai.first.tokens_per_character
    )
    assert thai.advice.what == "leave" and "tokens per character" in thai.advice.reasons[0]
    assert look(xlmr, "มนุษย์ เป็น หลัก มูลเหตุ แห่ง").first.primary_metric == "tokens per word"
    assert look(xlmr, "a" * 500).first.primary_metric == "tokens per word"


def test_scripts_of_letters() -> None:
    assert share_in("Latn", {"a": 3, "я": 1, "1": 9, "\u0301": 4}) == pytest.approx(3 / 4)
    assert share_in("Jpan", {"漢": 1, "か": 1, "カ": 1, "한": 1}) == pytest.approx(3 / 4)
    assert share_in("Thai", {"1": 5, "!": 2}) == 1  # no letters, nothing wrong
    assert without_spaces({"漢": 40}, 1) and not without_spaces({"a": 40}, 1)


def test_the_wrong_script_for_the_tag_is_said_first(xlmr: PreTrainedTokenizerBase) -> None:
    one = look(xlmr, "привет мир как дела", language="min-Latn")
    assert one.advice.what == "wrong orthography"
    assert one.advice.reasons[0].startswith(
        "0% of the letters are in Latin script, as min-Latn says; most are in Cyrill"
    )
    assert look(xlmr, "привет мир", language="rus-Cyrl").advice.what == "leave"


def test_mixed_text_is_told_to_be_mixed_and_not_to_be_written_wrongly(xlmr: PreTrainedTokenizerBase) -> None:
    hindi, english = "मुझे यह फिल्म बहुत अच्छी लगी", "the film was really good and I loved it"
    train = [f"{hindi} {english}"] * 60
    dev = [f"{hindi} yaar bilkul mast film hai yaar dekho zarur kya gazab jhakaas"] * 60
    one = audit(xlmr, {"hin-Deva": {"train": train, "dev": dev}}).languages[0]
    assert one.advice.what != "wrong orthography"
    assert "train is mixed: " in one.findings[0].what and "most others in Latin" in one.findings[0].what
    wrong = audit(xlmr, {"hin-Deva": [english] * 60}).languages[0]
    assert wrong.advice.what == "wrong orthography"


def test_two_splits_in_different_letters_are_not_learned_from(xlmr: PreTrainedTokenizerBase) -> None:
    train, dev = ["kura mesi tolo nari"] * 600, ["kurâ mesî tolo nari"] * 50
    one = audit(xlmr, {"x": {"train": train, "dev": dev}}).languages[0]
    assert one.advice.what == "wrong orthography" and one.advice.recipe == ""
    assert one.advice.reasons[0] == "12.5% of the letters of dev hardly ever occur in train: â î"
    assert [found.name for found in one.texts] == ["train", "dev"]
    same = audit(xlmr, {"x": {"train": train, "dev": ["kura xenon"]}}).languages[0]  # chance is no spelling
    assert same.advice.what != "wrong orthography"


def test_a_reference_says_how_many_times_as_many_pieces(xlmr: PreTrainedTokenizerBase) -> None:
    texts = {"x": ["makanannyo", "makanannyo lamak"]}
    assert audit(xlmr, texts).reference is None and audit(xlmr, texts).languages[0].parity is None
    mine = sum(len(xlmr.tokenize(text)) for text in texts["x"])
    found = audit(xlmr, texts, reference=Reference("eng", ["the house is old"]))
    parity = found.languages[0].parity
    assert parity is not None and parity.per_word == pytest.approx(mine / 3) and parity.per_content is None
    parity = audit(xlmr, texts, reference=Reference("eng", ["the house is old"], True)).languages[0].parity
    assert parity is not None and parity.per_content == pytest.approx(mine / 4)
    thai = audit(xlmr, {"x": ["มนุษย์เป็นหลักมูลเหตุ"]}, reference=Reference("eng", ["the house"])).languages[0].parity
    assert thai is not None and thai.per_word is None


def test_missing_characters_alone_are_added_by_the_recipe_line(xlmr: PreTrainedTokenizerBase) -> None:
    one = look(xlmr, "Ɖò ná", "Ɖan")
    assert (one.advice.what, one.advice.add, one.advice.recipe) == ("characters", 1, "vocabulary: {extend: 1}")
    base = TokenizerJson.of(xlmr)
    assert "Ɖ" in extend(base, ["Ɖò ná", "Ɖan"], count=1).added and "Ɖ" in extend(base, ["Ɖò ná"], count=1).added
    rare = look(xlmr, *["the house is old"] * 50, "Ɖ")
    assert rare.advice.what == "leave" and "rare" in rare.advice.reasons[-1]


def test_text_that_lacks_pieces_is_extended_and_the_number_is_that_of_extend(xlmr: PreTrainedTokenizerBase) -> None:
    lines = [f"xwékpɔ́nnyi ɖyɔ̌gbɛ́ {number % 7} tɛ́nwezɔ́n" for number in range(900)]
    one = look(xlmr, *lines)
    grown = extend(TokenizerJson.of(xlmr), lines)
    assert one.advice.what == "extend" and one.advice.add == len(grown.added) > 0 and one.advice.gain == grown.gain
    assert one.advice.recipe == "vocabulary: {extend: auto, lexicon: words.tsv}" and grown.why in one.advice.reasons


def test_replacing_is_advised_only_where_there_is_much_text(xlmr: PreTrainedTokenizerBase) -> None:
    inspected, line = InspectedTokenizer.of(xlmr), " ".join(["ⴰⵣⵓⵍ", "ⴼⵍⵍⴰⵡⵏ"] * 20)
    little = advise(inspected, measure(inspected, "x", [Text("1", line)]), [line], ())
    assert little.what == "characters"
    much = measure(inspected, "x", [Text("1", line)] * (MUCH_TEXT // 40))
    assert much.unknown_words == 1
    assert advise(inspected, much, [line], ()).what == "replace"


def test_covered_text_is_left_alone(xlmr: PreTrainedTokenizerBase) -> None:
    one = look(xlmr, *["the house is old and the river is wide"] * 400)
    assert one.advice.what == "leave" and one.first.whole_words == 1


@pytest.mark.parametrize("texts", [(), ("",), (" \n ", "\ufeff")])
def test_no_text_is_refused(xlmr: PreTrainedTokenizerBase, texts: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="min-Latn  holds no text"):
        look(xlmr, *texts, language="min-Latn")


@pytest.mark.parametrize(
    ("texts", "advice"),
    [(("house",), "leave"), (("😀😀😀",), "leave"), (("🥺🥺",), "characters"), (("</s> <mask> ▁",), "leave"),
     (("ހަތަރު ދިވެހި",), "characters"), (("\x1b[31m",), "leave")],
)  # fmt: skip
def test_strange_text_has_a_plain_outcome(xlmr: PreTrainedTokenizerBase, texts: tuple[str, ...], advice: str) -> None:
    assert look(xlmr, *texts).advice.what == advice


def test_half_a_character_and_a_text_for_texts_are_refused(xlmr: PreTrainedTokenizerBase) -> None:
    with pytest.raises(DataError, match="text 2  is not valid Unicode"):
        look(xlmr, "fine", "a\ud800")
    with pytest.raises(TypeError, match="not one text"):
        audit(xlmr, {"x": "one text"})


@pytest.mark.parametrize("line", ["x" * 1_000_000, "haus und " * 111_000, "มนุษย์" * 166_000])
def test_a_line_of_a_megabyte_takes_seconds(xlmr: PreTrainedTokenizerBase, line: str) -> None:
    began = time.process_time()
    found = look(xlmr, line)
    assert found.first.lines == 1 and found.first.lossy_lines == 0
    assert time.process_time() - began < 60


def test_bpe_over_characters(xlmr: PreTrainedTokenizerBase) -> None:
    one = look(tokenizer := bpe(byte_level=False), "the house ẹ")
    assert audit(tokenizer, {"x": ["a"]}).kind == "bpe"
    assert tokenizer.tokenize("the house ẹ") == ["▁the", "▁house", "▁", "<unk>"]
    assert one.first.tokens == 4 and one.first.whole_words == pytest.approx(2 / 3) and characters(one.first) == {"ẹ"}


def test_bpe_over_bytes_knows_every_character(xlmr: PreTrainedTokenizerBase) -> None:
    tokenizer = bpe(byte_level=True)
    one = look(tokenizer, "a old ẹ")
    assert tokenizer.tokenize("a old ẹ") == ["a", "Ġold", "Ġ", "á", "º", "¹"]
    assert one.first.tokens == 6 and not one.first.unknown and one.first.unknown_words == one.first.lossy_lines == 0
    assert one.first.whole_words == pytest.approx(2 / 3)  # a and old, cut as behind a space
    assert one.first.single_characters == pytest.approx(5 / 6)


def test_wordpiece_is_audited_but_not_extended() -> None:
    one = look(wordpiece(), "The house", "hóuse ẹq")
    assert one.advice.what == "leave" and "WordPiece takes the longest token first" in one.advice.reasons[1]
    assert "take another base" in one.advice.reasons[2]
    assert {one.character: one.kind for one in one.first.changed} == {
        "T": "a capital",
        "ó": "an accent",
        "ẹ": "an accent",
    }
    assert characters(one.first) == {"q"} and one.first.unknown_words == pytest.approx(1 / 4)
    assert one.first.changed_lines == one.first.lossy_lines == 1


@pytest.mark.parametrize(
    ("tokenizer", "kind", "tokens"),
    [(ByT5Tokenizer(), "bytes", len("jó napot".encode())), (CanineTokenizer(), "characters", len("jó napot"))],
)
def test_bytes_and_characters_have_nothing_to_extend(
    tokenizer: PreTrainedTokenizerBase, kind: str, tokens: int
) -> None:
    found = audit(tokenizer, {"hun-Latn": ["jó napot"]})
    one = found.languages[0]
    assert (
        found.kind == kind
        and one.advice.what == "leave"
        and "there is no vocabulary to extend" in one.advice.reasons[0]
    )
    assert one.first.tokens == tokens and not one.first.unknown and one.first.lossy_lines == 0
    assert one.first.single_characters == 1


def ask(*words: str | Path) -> Result:
    return CliRunner().invoke(command, ["audit", "--offline", *map(str, words)])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "train.tsv").write_text(
        "eng\tfon\nthe house\tƉò xwé\nhe is old\tcafe\u0301 \x1b[31m\n", encoding="utf-8"
    )
    return tmp_path / "train.tsv"


def test_the_command_shows_a_page_that_cannot_steer_the_terminal(starter: Checkpoint, table: Path) -> None:
    answer = ask("--base", starter.folder, "--column", "fon", "--against", "eng", "--language", "fon-Latn", table)
    assert answer.exit_code == 0, answer.output
    lines = answer.output.splitlines()
    assert "Ɖ  U+0189  LATIN CAPITAL LETTER AFRICAN D  1×  2  ɖ has a token" in answer.output
    assert any(line.split() == ["fon-Latn", "train.tsv", "eng"] for line in lines)
    assert any(line.split()[:6] == ["lines", "not", "in", "NFC", "1", "0"] for line in lines)
    assert any("for the same content" in line for line in lines)
    assert "\x1b" not in answer.output and "\\u001b" in answer.output
    assert "Advice: add the 1 missing character, nothing else" in lines


def test_the_command_answers_as_json(starter: Checkpoint, table: Path) -> None:
    facts = json.loads(ask("--base", starter.folder, "--column", "fon", "--json", table).output)
    one = facts["languages"][0]
    assert (one["language"], one["texts"][0]["words"], one["texts"][0]["decomposed"]) == ("train.tsv", 4, 1)
    assert one["texts"][0]["unknown"][0]["places"] == ["train.tsv:2"] and facts["kind"] == "unigram"
    assert one["advice"]["what"] == "characters" and facts["reference"] is None


def test_the_command_reads_packed_text_and_compares_files(starter: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "train.txt.xz").write_bytes(lzma.compress(b"kura mesi tolo nari\n" * 600))
    (tmp_path / "dev.txt").write_text("kurâ mesî tolo nari\n" * 50, encoding="utf-8")
    answer = ask("--base", starter.folder, tmp_path / "train.txt.xz", tmp_path / "dev.txt")
    assert (
        "Advice: mend the writing first" in answer.output and "of the letters of dev.txt hardly ever" in answer.output
    )
    parallel = ask("--base", starter.folder, tmp_path / "dev.txt", "--against", tmp_path / "train.txt.xz", "--parallel")
    assert "times the tokens of train.txt.xz for the same content" in parallel.output


CARD = """---
pretty_name: Toy
language: [min, eng]
license: cc0-1.0
task_categories: [text-classification]
lowres:
  homepage: https://example.org
  citation: none
  provenance: written for a test
  consent: not needed
  contact: nobody
  redistribute: "yes"
  known_problems: []
  labels: [x, y]
  columns: {text: text, label: label, id: id, cluster: id}
  format: tsv
  source: {folder: .}
  subsets:
"""


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card of two languages that translate one another."""
    from hashlib import sha256

    texts: Mapping[str, tuple[str, str]] = {
        "min-Latn": ("rumah lamo", "urang"),
        "eng-Latn": ("the old house", "person"),
    }
    entries = ""
    for tag, pair in texts.items():
        entries += f"    {tag[:3]}:\n      language: {tag}\n      files:\n"
        for split in ("train", "dev", "test"):
            rows = "".join(f"{split}{n}\t{text}\t{'xy'[n]}\n" for n, text in enumerate(pair))
            path = tmp_path / f"{tag[:3]}-{split}.tsv"
            path.write_text(f"id\ttext\tlabel\n{rows}", encoding="utf-8")
            entries += f"        {split}: {{path: {path.name}, sha256: {sha256(path.read_bytes()).hexdigest()}}}\n"
    path = tmp_path / "toy.md"
    path.write_text(f"{CARD}{entries}---\nA toy.\n", encoding="utf-8")
    return path


def test_a_card_is_shown_by_language_without_its_test_split(starter: Checkpoint, card: Path) -> None:
    answer = ask("--base", starter.folder, card)
    assert answer.exit_code == 0, answer.output
    assert [line.split()[0] for line in answer.output.splitlines() if "-Latn" in line] == ["min-Latn", "eng-Latn"]
    facts = json.loads(ask("--base", starter.folder, card, "--subset", "min", "--against", "eng", "--json").output)
    (one,) = facts["languages"]
    assert [found["name"] for found in one["texts"]] == ["train", "dev"] and facts["reference"]["words"] == 4
    assert one["parity"]["per_content"] == pytest.approx(one["texts"][0]["tokens"] / facts["reference"]["tokens"])
    assert any("in train too" in note for note in facts["data"])  # what the data room finds is passed on
    full = ask("--base", starter.folder, card, "--language", "eng-Latn")
    assert any(line.split() == ["eng-Latn", "train", "dev"] for line in full.output.splitlines())


def test_faults_of_the_input_name_it(starter: Checkpoint, tmp_path: Path, card: Path) -> None:
    (tmp_path / "train.tsv").write_text("satz\tlabel\nthe house\tx\n")
    (tmp_path / "photo.txt").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "one.txt").write_text("house\n")
    faults: dict[tuple[str | Path, ...], str] = {
        (tmp_path / "train.tsv",): "train.tsv:1  there is no column “text”",
        (tmp_path / "photo.txt",): "photo.txt:2  is not UTF-8",
        (tmp_path / "empty.txt",): "empty.txt  holds no text",
        (tmp_path / "nowhere.txt",): "there is no such file",
        (tmp_path,): "is a folder",
        ("no-such-card",): "there is no card “no-such-card”",
        (tmp_path / "one.txt", "--language", "xx"): "is not a language tag",
        (tmp_path / "one.txt", "--base", tmp_path): "holds no tokenizer",
        (card, "--language", "deu-Latn"): "holds no texts in deu-Latn",
    }
    for words, why in faults.items():
        error = ask("--base", starter.folder, *words).exception
        assert isinstance(error, DataError | lowres.LowresError) and why in str(error), (words, error)
    assert ask(tmp_path / "one.txt", "nusax-sentiment").exit_code == 2
    assert ask(tmp_path / "one.txt", "--subset", "min").exit_code == 2


def test_it_stands_at_the_public_door(xlmr: PreTrainedTokenizerBase) -> None:
    found = lowres.audit(xlmr, {"eng-Latn": ["the house"]})
    assert found.languages[0].first.words == 2
    assert json.loads(json.dumps(asdict(found)))["rows"] == 250_002
