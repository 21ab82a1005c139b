"""Names of special tokens in the training texts are reported by `lowres check`, which loads no tokenizer."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from lowres.cli.check_facts import check_facts
from lowres.models.architectures import ARCHITECTURES
from lowres.models.checkpoint import KNOWN, Checkpoint
from lowres.models.special_tokens import special_token_pattern
from lowres.planning import Options, examine

TEXT = "a </s> b <mask> c </s> eng_Latn"


def test_check_reports_special_tokens_in_the_training_texts(tmp_path: Path, cache: Path) -> None:
    rows = "text\tlabel\n" + "".join(f"kato {n}{' </s> <mask>' * (n < 2)}\t{'ab'[n % 2]}\n" for n in range(40))
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.tsv").write_text(rows.replace("kato", split), encoding="utf-8")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "lowres: 2\nname: Small\ntask: {kind: classification}\n"
        "data: {files: {train: train.tsv, dev: dev.tsv, test: test.tsv}, language: eng-Latn, "
        "licence: CC0-1.0, source: written for this test}\n",
        encoding="utf-8",
    )
    facts = check_facts(examine(recipe, Options(cache=cache, offline=True, device="cpu")))
    expected = "the texts have the names of special tokens, which are read as text: </s> 2×, <mask> 2×"
    assert expected in [found["what"] for found in facts["findings"]]


def test_names_are_those_of_the_tokenizer(starter: Checkpoint, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(starter.folder))
    tokenizer.add_tokens(["eng_Latn"], special_tokens=True)
    tokenizer.save_pretrained(str(tmp_path))
    for folder, found in (
        (starter.folder, ["</s>", "<mask>", "</s>"]),
        (tmp_path, ["</s>", "<mask>", "</s>", "eng_Latn"]),
    ):
        pattern = special_token_pattern(replace(starter, folder=folder))
        assert pattern and pattern.findall(TEXT) == found
        names = {*map(str, AutoTokenizer.from_pretrained(str(folder)).all_special_tokens)}
        assert {name for name in names if pattern.fullmatch(name)} == names


def test_white_space_is_no_name(starter: Checkpoint, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(starter.folder))
    tokenizer.add_tokens(["\n\n", "<table>"])  # Gemma has both
    tokenizer.save_pretrained(str(tmp_path))
    pattern = special_token_pattern(replace(starter, folder=tmp_path))
    assert pattern and pattern.findall("a\n\nb <table>") == ["<table>"]


@pytest.mark.parametrize(("family", "found"), [("m2m_100", ["</s>", "eng_Latn"]), ("mt5", ["</s>", "<extra_id_7>"])])
def test_a_base_that_is_not_here_yet_has_those_of_its_family(family: str, found: list[str]) -> None:
    (known,) = (facts for facts in KNOWN.values() if facts.architecture == ARCHITECTURES[family])
    pattern = special_token_pattern(known)
    assert pattern and pattern.findall("a </s> eng_Latn <extra_id_7>") == found


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, lowres.models.special_tokens; sys.exit(bool({'torch', 'transformers', 'tokenizers'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
