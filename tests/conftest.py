"""Real things that many tests share: a tiny encoder with its own tokenizer, small tables, the starter built once."""

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matrix
import pytest
import torch
from forks import reloaded_here
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    MT5Config,
    MT5ForConditionalGeneration,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from lowres.models.checkpoint import Checkpoint, find_base
from lowres.places import Places
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run
from lowres.starters.starters import STARTERS

GOOD = ["the soup was warm and good", "we liked the kind cook", "a lovely clean room", "good rice and friendly people"]
BAD = ["the soup was cold and bad", "we disliked the rude cook", "an ugly dirty room", "bad rice and angry people"]
PLACES = ["in the village", "by the river", "at the old market", "near the school", "on the hill", "behind the mill"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def rows(start: int, stop: int) -> list[tuple[str, str]]:
    """Small sentences about places, labelled by their words; no two alike."""
    found = []
    for number in range(start, stop):
        place = PLACES[number % len(PLACES)]
        found.append((f"{GOOD[number % len(GOOD)]} {place} number {number}", "positive"))
        found.append((f"{BAD[number % len(BAD)]} {place} number {number}", "negative"))
    return found


def write_tsv(path: Path, table: list[tuple[str, str]]) -> None:
    """A table with the columns text and label."""
    lines = ["text\tlabel", *(f"{text}\t{label}" for text, label in table)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of several processes that test, each hands on what it has tried."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tried"] = matrix.counts()
        session.config.workeroutput["seconds"] = matrix.seconds()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what one of several processes has tried; one that broke off says nothing."""
    told = getattr(node, "workeroutput", {})
    matrix.add(told.get("tried", []), told.get("seconds", 0.0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of faults, if any were tried."""
    for line in matrix.lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The same sums in the same order on every machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A Unigram tokenizer of the frequent words above and their letters.

    It is written down, not trained: the trainer of tokenizers cuts otherwise in every process, and then nothing that is
    learned over it can be held to a number.
    """
    words = Counter(f"▁{word}" for text, _ in rows(0, 60) for word in text.split())
    counts = {**dict.fromkeys(sorted(set("".join(words))), 1), **{word: n for word, n in words.items() if n >= 10}}
    pieces = [
        *((name, 0.0) for name in SPECIAL),
        *((piece, math.log(n / words.total())) for piece, n in counts.items()),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, SPECIAL.index("<unk>"), byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", unk_token="<unk>",
        pad_token="<pad>",
    )  # fmt: skip


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A real XLM-RoBERTa checkpoint: two layers of width 32, random weights."""
    folder = tmp_path_factory.mktemp("tiny-encoder")
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(tiny_tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=66, pad_token_id=1, type_vocab_size=1,
    )  # fmt: skip
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_mt5(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A real mT5 checkpoint, to be refused where an encoder is needed."""
    folder = tmp_path_factory.mktemp("tiny-mt5")
    config = MT5Config(vocab_size=64, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    MT5ForConditionalGeneration(config).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(str(folder))
    return folder


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    """A folder with train.tsv, dev.tsv and test.tsv."""
    for split, (start, stop) in {"train": (0, 24), "dev": (24, 32), "test": (32, 44)}.items():
        write_tsv(tmp_path / f"{split}.tsv", rows(start, stop))
    return tmp_path


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that lives as long as the tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def options(cache: Path) -> Iterator[Options]:
    """One thread on the CPU, offline."""
    yield Options(cache=cache, offline=True, device="cpu", threads=1)


@pytest.fixture(scope="session")
def starter(cache: Path) -> Checkpoint:
    """The real starter encoder, built once."""
    return find_base("starter:encoder", None, Places(cache, cache, offline=True), STARTERS)


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Run:
    """A finished run in its project, beside its data and its base `tiny`, which has a licence; trained once."""
    from test_run_folder import prepared

    project = tmp_path_factory.mktemp("reviews")
    recipe = prepared(project, tiny_encoder)
    (project / "tiny" / "README.md").write_text("---\nlicense: mit\n---\n# A base\n", encoding="utf-8")
    return run_recipe(recipe, project / "out", options=Options(cache=cache, offline=True, device="cpu", threads=1))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, so that messages name files as the user does."""
    monkeypatch.chdir(tmp_path)
    return Path()


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reload check without the seconds that a fresh interpreter takes, for tests of something else."""
    monkeypatch.setattr("lowres.running.check_reload", reloaded_here)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every update."""
    monkeypatch.setattr("lowres.training.checkpoints.EVERY_SECONDS", 0.0)
    monkeypatch.setattr("lowres.training.checkpoints.SHARE", 1e9)
