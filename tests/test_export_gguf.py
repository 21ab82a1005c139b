"""Decoders as files of GGUF: every family computes the same when another program reads the file, a run is exported and checked."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bases import parallel
from decoder_bases import DECODERS, GROUPED, PADDING, chatml, write_decoder
from gguf import GGUFReader
from test_decoder_runs import CLASSES, carried_out
from test_decoder_runs import base as base  # fixtures
from test_decoder_runs import data as data
from transformers import AutoTokenizer, Qwen3Config
from untrained import pairs_corpus, plan_of, predictor_of, translation

from lowres.errors import ModelError
from lowres.export import export
from lowres.export.decoder_answers import log_probabilities
from lowres.export.gguf_vocabulary import CONTROL, NORMAL, UNUSED, vocabulary_of
from lowres.export.to_gguf import ACCEPTED, GGUF_FILE, read_gguf, write_gguf
from lowres.hashing import file_sha256
from lowres.models.frames import PLAIN
from lowres.planning import Options
from lowres.runs.run import load_predictor

PAIRS = parallel("id")[:16]
FIXED, CHANGED = "{extend: off, trim: off}", "{extend: 8, trim: used}"
NARROW = (chatml, lambda size: Qwen3Config(vocab_size=size + PADDING, **GROUPED))


def merged(family: str, folder: Path, options: Options, vocabulary: str = FIXED) -> Any:
    """A translator over a tiny decoder, with its adapter in the weights."""
    plan = plan_of(write_decoder(family, folder / "base"), translation(more=", hints: off"), vocabulary=vocabulary)
    predictor_of(plan, pairs_corpus(PAIRS)).save(folder / "model")
    return load_predictor(folder / "model", options, "merged")


@pytest.mark.parametrize(
    ("family", "vocabulary"),
    [
        ("llama", CHANGED), ("smollm2", CHANGED), ("mistral", FIXED), ("qwen2", FIXED), ("qwen3", FIXED),
    ],
)  # fmt: skip
def test_every_family_computes_the_same_from_a_file_of_gguf(
    family: str, vocabulary: str, tmp_path: Path, options: Options
) -> None:
    own = merged(family, tmp_path, options, vocabulary)
    direction = own.facts.directions[0]
    asked = [(own.source_ids(source, *direction), own.inputs.frame.plain(target)) for source, target in PAIRS]
    expected = log_probabilities(own.transformer, asked)
    assert np.ptp(expected) > 0.5, "some tokens are likelier than others"
    for bits, most in {**ACCEPTED, 32: 1e-5}.items():
        folder = tmp_path / str(bits)
        folder.mkdir()
        write_gguf(own, bits, folder / GGUF_FILE, "test")
        found = log_probabilities(read_gguf(folder), asked)
        assert np.abs(np.subtract(found, expected)).mean() < most
    assert (tmp_path / "8" / GGUF_FILE).stat().st_size < (tmp_path / "32" / GGUF_FILE).stat().st_size / 2
    read = AutoTokenizer.from_pretrained(str(folder), gguf_file=GGUF_FILE)
    for source, target in PAIRS:
        text = f"{source} {target}"
        plain = own.tokenizer(text, add_special_tokens=False)["input_ids"]
        assert read(text, add_special_tokens=False)["input_ids"] == plain


def test_what_a_file_says_of_tokens_and_prompts(tmp_path: Path, options: Options) -> None:
    own = merged("qwen2", tmp_path, options)
    rows = len(own.transformer.get_input_embeddings().weight) + PADDING
    known = vocabulary_of(own.tokenizer, rows)
    special = own.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert (known.model, known.division) == ("gpt2", "qwen2"), "the rules of the family's class"
    assert known.kinds[special] == CONTROL and known.kinds[own.tokenizer.convert_tokens_to_ids("a")] == NORMAL
    assert list(known.kinds[-PADDING:]) == [UNUSED] * PADDING and len(known.tokens) == rows
    write_gguf(own, 8, tmp_path / GGUF_FILE, "My run")
    fields = GGUFReader(tmp_path / GGUF_FILE).fields
    assert fields["general.name"].contents() == "My run" and fields["general.architecture"].contents() == "qwen2"
    assert fields["tokenizer.ggml.eos_token_id"].contents() == special
    assert fields["tokenizer.chat_template"].contents() == own.tokenizer.chat_template
    own.tokenizer.chat_template = None
    write_gguf(own, 8, tmp_path / "plain.gguf", "My run")
    assert GGUFReader(tmp_path / "plain.gguf").fields["tokenizer.chat_template"].contents() == PLAIN


def test_weights_that_are_stored_transposed_are_merged_too(tmp_path: Path, options: Options) -> None:
    own = merged("gpt2", tmp_path, options)
    apart = load_predictor(tmp_path / "model", options, "precise")
    asked = [(own.source_ids(source, *own.facts.directions[0]), [5, 9, 20]) for source, _ in PAIRS]
    expected = log_probabilities(apart.transformer, asked)
    np.testing.assert_allclose(log_probabilities(own.transformer, asked), expected, atol=1e-4)


def test_an_exported_decoder_is_compared_with_its_run(data: Path, base: Path, options: Options) -> None:
    files = "{train: train.qa.tsv, dev: dev.qa.tsv, test: test.qa.tsv}"
    more = "  columns: {text: question, answer: answer}\n"
    run = carried_out(data, base, options, "{kind: generation, language: eng-Latn}", files=files, more=more)
    folder, fidelity = export(run, "gguf", 32)
    assert fidelity and fidelity.seconds is None and fidelity.comparison
    assert fidelity.deviation < 1e-5 and fidelity.texts == 8
    page = (folder / "README.md").read_text(encoding="utf-8")
    for line in fidelity.sentences():
        assert line in page
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", GGUF_FILE]
    assert f"`sha256sum {GGUF_FILE}` says `{file_sha256(folder / GGUF_FILE)}`" in page
    with pytest.raises(ModelError, match="exists already"):
        export(run, "gguf")


def test_heads_of_another_size_than_files_of_a_family_have_are_refused(
    data: Path, tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DECODERS, "qwen3", NARROW)  # type: ignore[arg-type]
    base, files = write_decoder("qwen3", tmp_path / "base"), "{train: train.txt, dev: dev.txt, test: test.txt}"
    run = carried_out(data, base, options, "{kind: generation, language: eng-Latn}", files=files)
    with pytest.raises(ModelError, match="type qwen3 have heads of size 128, this one of 16"):
        export(run, "gguf")
    assert not (run.folder / "gguf").exists()


def test_what_gguf_cannot_hold_is_refused(data: Path, base: Path, tmp_path: Path, options: Options) -> None:
    run = carried_out(data, base, options, CLASSES + ", by: head}")
    with pytest.raises(
        ModelError, match=r"classification with decoder bases .*decoders that translate or answer prompts"
    ):
        export(run, "gguf")
    assert not (run.folder / "gguf").exists()
    own = merged("smollm2", tmp_path / "other", options)
    layout = json.loads(own.tokenizer.backend_tokenizer.to_str())
    layout["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": r"\p{Lu}"}
    own.tokenizer.backend_tokenizer.pre_tokenizer = (
        type(own.tokenizer.backend_tokenizer).from_str(json.dumps(layout)).pre_tokenizer
    )
    with pytest.raises(ModelError, match=r"llama\.cpp has no rules for the tokenizer"):
        vocabulary_of(own.tokenizer, len(own.tokenizer))
