"""The tokenizer classes of published families: same ids as the class itself, both sides of Marian, bytes, texts that name tokens."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bases import BASES, TOY, parallel, sentencepiece_model, settings, texts, write_base, write_json
from transformers import AutoTokenizer, MarianTokenizer, PreTrainedTokenizerBase
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M100_CODES
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB_CODES
from untrained import plan_of, translation

from lowres.errors import ModelError, PlanError
from lowres.languages.codes import form_of, instruction, related_tokens, tag_of, token_for
from lowres.models.architectures import ARCHITECTURES, LanguageMarking
from lowres.models.checkpoint import READ, TOKENIZER, describe
from lowres.models.configuration import check_use
from lowres.models.loading import load_masked, load_translator
from lowres.models.tokenization import load_tokenizer
from lowres.planning import make_plan
from lowres.recipe.sections import Vocabulary
from lowres.recipe.vocabulary_section import TrimPolicy
from lowres.tasks.translation.inputs import TranslationInputs
from lowres.vocabulary.adapting import Adapted, adapt
from lowres.vocabulary.fitting_data import FittingData
from lowres.vocabulary.language_tokens import Tagged, language_tokens, tag_languages, token_findings
from lowres.vocabulary.pruning import kept_ids
from lowres.vocabulary.tokenizer_json import TokenizerJson

TEXTS = [*texts("id", "uk")[:400], "ɖ̰ ☂ two   spaces ", "مرحبا بالعالم", ""]
NAMED = "Please </s> and <mask> or <s>, <pad>; eng_Latn en_XX <extra_id_0> <unk>"
OFF = Vocabulary(extend="off", trim="off")
LOADED = [name for name in BASES if name != "nllb-bare"]
LAYERS = {"xlm-roberta": "encoder.layer", "mt5": "block", "umt5": "block", "madlad": "block", "byt5": "block"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes a base once for all tests of this file."""
    folder, written = tmp_path_factory.mktemp("bases"), dict[str, Path]()

    def write(name: str) -> Path:
        if name not in written:
            written[name] = write_base(name, folder / name)
        return written[name]

    return write


def load(folder: Path) -> tuple[PreTrainedTokenizerBase, Any]:
    checkpoint = describe(str(folder), folder)
    return (load_masked if checkpoint.architecture.shape == "encoder" else load_translator)(checkpoint)


def adapted(folder: Path, section: Vocabulary, data: FittingData) -> tuple[Adapted, Any]:
    tokenizer, model = load(folder)
    encoder = model.get_encoder() if model.config.is_encoder_decoder else model.roberta
    return adapt(tokenizer, encoder, LAYERS.get(folder.name, "layers"), section, data, whole=model), model


@pytest.mark.parametrize(
    "name", [name for name in LOADED if name != "madlad"]
)  # whose unknown token the class gets wrong
def test_texts_have_the_ids_that_the_class_gives(name: str, base: Callable[[str], Path]) -> None:
    published = AutoTokenizer.from_pretrained(str(base(name)))
    loaded = load_tokenizer(base(name))
    assert loaded(TEXTS)["input_ids"] == published(TEXTS)["input_ids"]
    assert loaded.eos_token_id == published.eos_token_id and loaded.pad_token_id == published.pad_token_id


@pytest.mark.parametrize("name", LOADED)
def test_special_tokens_in_a_text_are_text_also_after_saving(
    name: str, base: Callable[[str], Path], tmp_path: Path
) -> None:
    found, _ = adapted(base(name), OFF, FittingData([*TEXTS, NAMED]))
    found.tokenizer.save_pretrained(str(tmp_path))
    for tokenizer in (load_tokenizer(base(name)), found.tokenizer, load_tokenizer(tmp_path)):
        ids = tokenizer(NAMED, add_special_tokens=False)["input_ids"]
        tokens = [str(token) for token in tokenizer.convert_ids_to_tokens(ids)]
        named = {*tokenizer.get_added_vocab(), *map(str, tokenizer.all_special_tokens)} - {str(tokenizer.unk_token)}
        assert not named & {*tokens} and not [token for token in tokens if "extra_id" in token]
        read = tokenizer.decode(ids, skip_special_tokens=True)
        assert "</s>" in read and "<mask>" in read and "ng_Latn" in read


def test_m2m100_finds_its_codes_without_a_list_and_at_their_ids(base: Callable[[str], Path]) -> None:
    codes = [f"__{code}__" for code in M2M100_CODES["m2m100"]]
    start = len(json.loads((base("m2m100-bare") / "vocab.json").read_text(encoding="utf-8")))
    for name in ("m2m100", "m2m100-bare"):
        tokenizer = load_tokenizer(base(name))
        assert tokenizer.convert_tokens_to_ids(codes) == list(range(start, start + len(codes)))
        assert len(language_tokens(tokenizer)) >= len(codes)


def test_m2m100_is_extended_and_pruned(base: Callable[[str], Path]) -> None:
    lines = [text for pair in parallel("id")[:300] for text in pair]
    section = Vocabulary(extend=30, trim="lattice", initialise="mean")
    found, model = adapted(base("m2m100"), section, FittingData(lines))
    assert found.added == 30 and len(found.tokenizer) < len(load_tokenizer(base("m2m100")))
    found.install(model)
    ids = found.tokenizer(lines[:20], padding=True, return_tensors="pt")["input_ids"]
    assert int(ids.max()) < len(model.get_input_embeddings().weight)
    read = [str(found.tokenizer.decode(row, skip_special_tokens=True)) for row in ids]
    assert [text.split() for text in read] == [line.split() for line in lines[:20]]


def test_what_cannot_be_read_is_refused_in_a_line(base: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no language codes"):
        load_tokenizer(base("nllb-bare"))
    (tmp_path / "sentencepiece.bpe.model").write_bytes(sentencepiece_model("bpe", 600, "id", "uk"))
    settings(tmp_path, "IndoNLGTokenizer")
    write_json(tmp_path / "config.json", {"model_type": "mbart", "decoder_start_token_id": 2})
    plan = plan_of(base("nllb"), translation("min-Latn"))
    with pytest.raises(PlanError, match=r"base\.name  .* has no language codes: .* \(add the tokenizer\.json"):
        make_plan(plan.recipe, describe("nllb-bare", base("nllb-bare")), plan.machine)
    with pytest.raises(ModelError, match="unknown tokenizer_class “IndoNLGTokenizer”"):  # what check asks
        check_use(tmp_path)
    with pytest.raises(ModelError, match="IndoNLGTokenizer, which transformers does not have"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "sentencepiece.bpe.model").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelError, match="cannot load"):
        load_tokenizer(tmp_path)


def test_what_is_written_is_tokenised_by_the_target_side_of_marian(base: Callable[[str], Path]) -> None:
    tokenizer = load_tokenizer(base("marian"))
    assert isinstance(tokenizer, MarianTokenizer)
    marking = ARCHITECTURES["marian"].language_marking
    assert marking is not None
    inputs = TranslationInputs(tokenizer, marking, {}, tokenizer.pad_token_id, 0, tokenizer.pad_token_id, "", 200)
    english, ukrainian = (
        list(side) for side in zip(*(pair for pair in parallel("uk")[:300] if "…" not in pair[1]), strict=True)
    )
    written = inputs.targets(ukrainian, "ukr-Cyrl")
    assert written == tokenizer(text_target=ukrainian)["input_ids"]
    assert sum(ids.count(tokenizer.unk_token_id) for ids in written) == 0
    assert [inputs.text(ids).split() for ids in written] == [text.split() for text in ukrainian]
    assert inputs.sources(english, "eng-Latn", "ukr-Cyrl") == tokenizer(english)["input_ids"]
    by_the_source = tokenizer(ukrainian)["input_ids"]
    assert sum(ids.count(tokenizer.unk_token_id) for ids in by_the_source) > 100, "or else this shows nothing"


def tagged(folder: Path, languages: list[str], targets: list[str], **init_from: str) -> Tagged:
    found, model = adapted(folder, OFF, FittingData(TEXTS))
    marking = ARCHITECTURES[model.config.model_type].language_marking
    assert isinstance(marking, LanguageMarking)
    return tag_languages(found, model, marking, languages, init_from, targets)


def test_a_base_for_one_pair_gets_tokens_where_there_are_several_targets(base: Callable[[str], Path]) -> None:
    assert tagged(base("marian"), ["eng-Latn", "min-Latn"], ["min-Latn"]).tags == {}
    both = tagged(base("marian"), ["eng-Latn", "min-Latn", "ace-Latn"], ["min-Latn", "ace-Latn"])
    assert both.tags == {tag: f"<{tag}>" for tag in ("eng-Latn", "min-Latn", "ace-Latn")}
    table = json.loads((base("marian") / "config.json").read_text())["vocab_size"]
    assert both.adapted.places[-3:].tolist() == [table, table + 1, table + 2]
    several = tagged(base("marian-multilingual"), ["eng-Latn", "min-Latn", "ind-Latn"], ["min-Latn", "ind-Latn"])
    assert several.tags == {"eng-Latn": ">>eng<<", "ind-Latn": ">>ind<<", "min-Latn": ">>min<<"}


def test_files_of_marian_are_fetched() -> None:
    assert "*.spm" in READ and "*.spm" in TOKENIZER


@pytest.mark.parametrize("policy", ["used", "lattice", "charset"])
def test_bytes_stay_for_characters_without_a_token(policy: TrimPolicy, base: Callable[[str], Path]) -> None:
    read = TokenizerJson.of(load_tokenizer(base("umt5")))
    assert len(read.byte_tokens) == 256
    lines = [*texts("id")[:200], "☂ rain ☂"]
    small = read.pruned(kept_ids(read, lines, policy)).tokenizer(load_tokenizer(base("umt5")))
    before = load_tokenizer(base("umt5"))
    for line in (*lines, "☃ never seen", "ꦗꦮ"):
        ids = small(line)["input_ids"]
        assert small.unk_token_id not in ids
        assert small.decode(ids, skip_special_tokens=True) == before.decode(
            before(line)["input_ids"], skip_special_tokens=True
        )
    assert small.tokenize("☂") == before.tokenize("☂")


def test_tokens_without_a_row_are_left_out_or_refused(base: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "xlm-roberta"
    shutil.copytree(base("xlm-roberta"), folder)
    rows = json.loads((folder / "config.json").read_text())["vocab_size"]
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    tokenizer.add_tokens(["soup", "warm"])
    tokenizer.save_pretrained(str(folder))
    assert len(AutoTokenizer.from_pretrained(str(folder))) == rows + 2
    found, _ = adapted(folder, OFF, FittingData(TEXTS))
    assert len(found.tokenizer) == rows and int(found.places.max()) < rows
    assert "2 tokens of the tokenizer have no row" in found.findings[0].what and "soup" in found.findings[0].what
    assert found.tokenizer("the soup")["input_ids"] == load_tokenizer(base("xlm-roberta"))("the soup")["input_ids"]
    tokenizer.add_special_tokens({"mask_token": "<hidden>"})
    tokenizer.save_pretrained(str(folder))
    with pytest.raises(ModelError, match=r"no row for: <hidden>"):
        adapted(folder, OFF, FittingData(TEXTS))


def test_languages_go_by_their_code_their_macrolanguage_and_their_irregular_names() -> None:
    m2m100 = [f"__{code}__" for code in M2M100_CODES["m2m100"]]
    expected = {
        "nso-Latn": ("__ns__", "nso_Latn"), "sat-Olck": (None, "sat_Beng"), "sat-Beng": (None, None),
        "swa-Latn": ("__sw__", "swh_Latn"), "swh-Latn": ("__sw__", "swh_Latn"),
        "gug-Latn": (None, "grn_Latn"), "arb-Arab": ("__ar__", "arb_Arab"),
        "ary-Arab": (None, "ary_Arab"), "min-Latn": (None, "min_Latn"), "min-Arab": (None, None), "kor-Kore": ("__ko__", "kor_Hang"),
        "urd-Aran": ("__ur__", "urd_Arab"), "fil-Latn": ("__tl__", "tgl_Latn"), "cmn-Hant": ("__zh__", "zho_Hant"),
        "ekk-Latn": ("__et__", "est_Latn"),
        "zlm-Latn": (None, None),
    }  # fmt: skip
    for column, tokens in enumerate((m2m100, NLLB_CODES)):
        form = form_of(tokens)
        assert form is not None
        assert {tag: token_for(tag, tokens, form) for tag in expected} == {
            tag: pair[column] for tag, pair in expected.items()
        }
    form = form_of(NLLB_CODES)
    assert form is not None
    near = {tag: related_tokens(tag, NLLB_CODES, form)[:1] for tag in ("min-Arab", "kas-Latn", "zlm-Latn", "aai-Latn")}
    assert near == {"min-Arab": ["min_Latn"], "kas-Latn": ["kas_Arab"], "zlm-Latn": ["zsm_Latn"], "aai-Latn": []}
    assert tag_of("sat_Beng", form, "Olck") == "sat-Olck" and tag_of("min_Latn", form, "Arab") == "min-Latn"


def test_new_and_borrowed_language_tokens_are_told(base: Callable[[str], Path]) -> None:
    known = language_tokens(load_tokenizer(base("nllb")))
    found = tagged(base("nllb"), ["eng-Latn", "sat-Olck", "min-Arab", "aai-Latn"], ["aai-Latn"])
    said = {finding.what.partition(":")[0]: finding for finding in token_findings(known, found.tags, {})}
    assert [(finding.level, name) for name, finding in said.items()] == [
        ("note", "sat-Olck"),
        ("warning", "the base has no language token for min-Arab"),
        ("note", "the base has no language token for aai-Latn"),
    ]
    assert "task.init_from: {min-Arab: min-Latn}" in said["the base has no language token for min-Arab"].what
    (both,) = token_findings(known, {"aai-Latn": "aai_Latn", "xkl-Latn": "xkl_Latn"}, {})
    assert both.what.startswith("the base has no language token for aai-Latn and xkl-Latn: each new token starts as ")
    again = [finding.what for finding in token_findings(known, {"min-Arab": "min_Arab"}, {"min-Arab": "min-Latn"})]
    assert again == ["the base has no language token for min-Arab: the new token min_Arab starts like that of min-Latn"]


def test_a_new_language_token_starts_as_the_mean_in_the_order_of_ids(base: Callable[[str], Path]) -> None:
    found = tagged(base("nllb"), ["eng-Latn", "aai-Latn"], ["aai-Latn"])
    tokenizer, model = load(base("nllb"))
    ids = [number for name, number in tokenizer.get_vocab().items() if name in NLLB_CODES]
    table = model.get_input_embeddings().weight.detach()
    assert torch.equal(found.adapted.rows.inputs[0], table[sorted(ids)].mean(0))


def test_a_model_that_writes_keeps_fewer_rows_and_says_what_that_costs(base: Callable[[str], Path]) -> None:
    lines = [text for pair in parallel("id") for text in pair]
    data = FittingData(lines[:80], dev=lines[80:160], prompts=[instruction("eng-Latn", "ind-Latn")])
    found, _ = adapted(base("mt5"), Vocabulary(extend="off"), data)
    told = found.findings[-1].what
    assert "vocabulary.trim: lattice" in told and "of the words will be tokenised otherwise" in told
    whole = load_tokenizer(base("mt5"))
    for line in (*data.train, *data.dev, *data.prompts):
        assert found.tokenizer.tokenize(line) == whole.tokenize(line)
    encoder, _ = adapted(base("xlm-roberta"), Vocabulary(extend="off"), data)
    assert "vocabulary.trim: charset" in encoder.findings[-1].what


def test_toy_words_are_tokens_of_every_base(base: Callable[[str], Path]) -> None:
    """So that a tiny model can learn the toy language in seconds."""
    for name in ("nllb", "mt5", "mbart50"):
        assert len(load_tokenizer(base(name)).tokenize(TOY[0])) <= 6
