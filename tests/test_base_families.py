"""Every family in the layout of its published files: texts are read as its own tokenizer reads them, a method of each kind learns, the
saved and the merged model answer the same, and the vocabulary is trimmed and extended.

`make bench-bases` does it for all methods in 16, 8 and 4 bits.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from bases import TOY, parallel, texts, write_base
from encoder_bases import ENCODERS, write_encoder
from memorising import OFF, TRIMMED, again, memorise, merges, planned
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from lowres.errors import ModelError, PlanError
from lowres.languages.codes import form_of, tag_of, token_for
from lowres.models.checkpoint import describe
from lowres.models.loading import load_encoder, load_masked, load_translator
from lowres.models.masked_head import initialise_head, transform
from lowres.models.modules import linear_modules
from lowres.models.tokenization import load_tokenizer
from lowres.planning import Options, Plan, make_plan
from lowres.recipe.sections import Vocabulary
from lowres.tasks.pretraining.job import encoder as body
from lowres.vocabulary.adapting import adapt
from lowres.vocabulary.fitting_data import FittingData
from lowres.vocabulary.language_tokens import language_tokens

READERS = ("mmbert", "mdeberta", "rembert", "xlm-r-xl", "distilbert", "electra", "xmod")
MASKERS = ("mmbert", "mdeberta-bare", "xlm-r-xl", "distilbert", "electra-discriminator", "xmod")
WRITERS = ("t5gemma2", "madlad", "umt5", "nllb", "m2m100", "mbart50", "marian-multilingual")
CELLS = [
    *((base, "classification", "lora", "4bit") for base in (*READERS, "mpnet", "longformer", "eurobert")),
    *((base, "classification", "bottleneck", "off") for base in READERS),
    *((base, "classification", "ia3", "8bit") for base in ("mmbert", "mdeberta")),
    *((base, "classification", "full", "off") for base in ("mmbert", "rembert")),
    *((base, "pre-training", "lora", "off") for base in MASKERS),
    *((base, "translation", "lora", "4bit") for base in ("madlad", "t5gemma2")),
    *((base, "translation", "full", "off") for base in WRITERS),
]
NAMES = {"mdeberta": "spm.model", "rembert": "sentencepiece.model"}
TEXTS = [*texts("id", "uk")[:300], "ﬁ ½ Ａ… ™  two   spaces ☂ ①"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes a base once for all tests of this file."""
    folder, written = tmp_path_factory.mktemp("bases"), dict[str, Path]()

    def write(name: str) -> Path:
        if name not in written:
            written[name] = (write_encoder if name in ENCODERS else write_base)(name, folder / name)
        return written[name]

    return write


@pytest.mark.parametrize("cell", CELLS, ids=" ".join)
def test_a_base_learns_and_answers_the_same_again(
    cell: tuple[str, str, str, str], base: Callable[[str], Path], tmp_path: Path, options: Options
) -> None:
    name, task, method, bits = cell
    model = memorise(planned(base(name), task, method, bits, TRIMMED), tmp_path / "model")
    assert model.learned < 0.6
    assert again(tmp_path / "model", model, options)
    if method != "bottleneck" and bits != "8bit":
        assert merges(tmp_path / "model", model, options)


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_read_as_the_sentencepiece_model_reads_them(name: str, base: Callable[[str], Path]) -> None:
    loaded = load_tokenizer(base(name))
    model = sentencepiece.SentencePieceProcessor(model_file=str(base(name) / NAMES[name]))
    for text in TEXTS:
        ids = loaded(text)["input_ids"]
        assert (ids[0], ids[-1]) == (loaded.cls_token_id, loaded.sep_token_id)
        assert ids[1:-1] == model.encode(text)


def test_published_steps_hold_where_a_class_is_built_anew(base: Callable[[str], Path], tmp_path: Path) -> None:
    for name in ("rembert", "mdeberta", "madlad"):
        folder = Path(shutil.copytree(base(name), tmp_path / name))
        whole = load_tokenizer(folder)
        Tokenizer.from_str(whole.backend_tokenizer.to_str()).save(str(folder / "tokenizer.json"))
        for file in folder.glob("*.model"):
            file.unlink()
        assert load_tokenizer(folder)(TEXTS)["input_ids"] == whole(TEXTS)["input_ids"]


def test_a_gemma_tokenizer_reads_as_its_file_says(base: Callable[[str], Path]) -> None:
    own = Tokenizer.from_file(str(base("mmbert") / "tokenizer.json"))
    loaded = load_tokenizer(base("mmbert"))
    assert [loaded(text)["input_ids"] for text in TEXTS] == [own.encode(text).ids for text in TEXTS]
    assert loaded.decode(loaded(TEXTS[-1])["input_ids"], skip_special_tokens=True) == TEXTS[-1]


def test_madlad_is_told_the_target_by_a_tag_that_trimming_keeps(base: Callable[[str], Path]) -> None:
    checkpoint = describe("madlad", base("madlad"))
    marking = checkpoint.architecture.language_marking
    assert marking is not None and (marking.source, marking.forced) == ("target tag", False)
    tokenizer, model = load_translator(checkpoint)
    assert tokenizer.convert_tokens_to_ids("<unk>") == 0 and tokenizer("ꦗ")["input_ids"][1:] == [0, 2]
    known = language_tokens(tokenizer)
    form = form_of(known)
    assert form is not None and {"<2id>", "<2ms_Arab>"} <= {*known}
    found = {tag: token_for(tag, known, form) for tag in ("ind-Latn", "zsm-Latn", "zsm-Arab", "min-Latn")}
    assert found == {"ind-Latn": "<2id>", "zsm-Latn": "<2ms>", "zsm-Arab": "<2ms_Arab>", "min-Latn": None}
    assert tag_of("<2id>", form, "Latn") == "ind-Latn"
    fitted = adapt(
        tokenizer,
        model.get_encoder(),
        "block",
        Vocabulary(extend="off", trim="used"),
        FittingData(list(TOY)),
        whole=model,
    )
    assert {"<2en>", "<2id>", "<2uk>"} <= {*fitted.tokenizer.get_vocab()}
    assert len(fitted.tokenizer) < len(tokenizer)


def test_a_tower_for_images_is_left_alone_and_its_tokens_are_moved(base: Callable[[str], Path]) -> None:
    checkpoint = describe("t5gemma2", base("t5gemma2"))
    tokenizer, model = load_translator(checkpoint)
    names = linear_modules(model, checkpoint.architecture)
    assert names and not [name for name in names if "vision" in name]
    found = adapt(
        tokenizer, model.get_encoder(), checkpoint.architecture.layers, Vocabulary(extend="off", trim="used"), FittingData(list(TOY)),
        whole=model,
    )  # fmt: skip
    found.install(model)
    config = model.config
    size = len(found.tokenizer)
    assert {config.vocab_size, config.decoder.vocab_size, config.encoder.text_config.vocab_size} == {size}
    assert config.eoi_token_index == -1 and config.decoder_start_token_id == found.tokenizer.bos_token_id


@pytest.mark.parametrize(
    "name", ["mmbert", "mdeberta", "rembert", "xlm-r-xl", "distilbert", "electra", "xmod", "t5gemma2", "madlad", "umt5"]
)
def test_kept_tokens_have_the_states_that_they_had(name: str, base: Callable[[str], Path]) -> None:
    checkpoint = replace(describe(name, base(name)), language="en_XX" if name == "xmod" else "")
    load = load_translator if checkpoint.architecture.shape == "encoder-decoder" else load_encoder
    lines = [text for pair in parallel("id")[:200] for text in pair]
    tokenizer, model = load(checkpoint)
    encoder = body(model) if checkpoint.architecture.shape == "encoder-decoder" else model
    wordpiece = name in ("distilbert", "electra")
    section = Vocabulary(extend="off" if wordpiece else 20, trim="lattice", initialise="mean")
    found = adapt(tokenizer, encoder, checkpoint.architecture.layers, section, FittingData(lines), whole=model)
    assert found.added == (0 if wordpiece else 20) and len(found.tokenizer) < len(tokenizer)
    kept = next(line for line in lines if found.tokenizer.tokenize(line) == tokenizer.tokenize(line) and len(line) > 10)
    before = encoder(**{**tokenizer(kept, return_tensors="pt")}).last_hidden_state
    found.install(model)
    ids = found.tokenizer(lines[:20], padding=True, return_tensors="pt")["input_ids"]
    assert int(ids.max()) < len(model.get_input_embeddings().weight)
    after = encoder(**{**found.tokenizer(kept, return_tensors="pt")}).last_hidden_state
    assert torch.allclose(before, after, atol=1e-5)


def test_narrow_embeddings_start_a_new_head_by_the_inverse_of_what_widens_them(base: Callable[[str], Path]) -> None:
    _, model = load_masked(describe("electra", base("electra-discriminator")))
    initialise_head(model, torch.ones(model.config.vocab_size))
    (dense,) = (weight for weight in transform(model).values() if weight.ndim == 2)
    widens = model.electra.embeddings_project.weight
    assert torch.allclose(dense @ widens, torch.eye(len(dense)), atol=1e-4)


def test_a_head_that_was_not_published_is_not_made_up(base: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="published without the head that predicts words"):
        load_masked(describe("rembert", base("rembert")))


def test_an_unknown_encoder_takes_lora_and_says_so(base: Callable[[str], Path]) -> None:
    plan = planned(base("mpnet"), "classification", "lora", "off", OFF)
    assert plan.checkpoint.architecture.layers == "encoder.layer"
    assert "attention.attn.q" in plan.checkpoint.architecture.feed_forward
    assert "the family mpnet is not known; the 6 linear modules" in plan.findings[-1].what
    with pytest.raises(PlanError, match=r"no bottleneck for it \(choose lora with modules: all, or features"):
        planned(base("mpnet"), "classification", "bottleneck", "off", OFF)


def test_a_family_that_reads_padding_as_text_is_refused(base: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="the family fnet, whose model takes no attention mask"):
        load_encoder(describe("fnet", base("fnet")))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("xlm", "XLM model of 2019.*Moses.*FacebookAI/xlm-roberta-base"),
        ("canine", "hashes characters.*google/byt5-small"),
    ],
)
def test_a_family_that_cannot_be_a_base_is_refused_with_the_reason(
    kind: str, said: str, base: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(base("xlm-roberta"), tmp_path / "base"))
    config = json.loads((folder / "config.json").read_text()) | {"model_type": kind}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=said):
        describe(kind, folder)


def in_language(folder: Path, **language: str) -> Plan:
    """A plan whose base has modules for English, Indonesian and Ukrainian."""
    plan = planned(folder, "classification", "lora", "off", OFF)
    changed = plan.recipe.base.model_copy(update=language)
    return make_plan(plan.recipe.model_copy(update={"base": changed}), describe(str(folder), folder), plan.machine)


def test_the_modules_of_one_language_are_loaded_and_read_as_the_whole_model_does(base: Callable[[str], Path]) -> None:
    whole: Any = AutoModel.from_pretrained(str(base("xmod")), add_pooling_layer=False).eval()
    ids = torch.tensor([load_tokenizer(base("xmod"))(TOY[0])["input_ids"]])
    states = {}
    for language, code in (("eng-Latn", "en_XX"), ("ind-Latn", "id_ID")):
        plan = in_language(base("xmod"), language=language)
        whole.set_default_language(code)
        _, own = load_encoder(plan.checkpoint)
        states[code] = own(input_ids=ids).last_hidden_state
        assert torch.allclose(states[code], whole(input_ids=ids).last_hidden_state, atol=1e-5)
        assert sum(weight.numel() for weight in own.parameters()) < plan.checkpoint.parameters
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.allclose(own(input_ids=ids).last_hidden_state.float(), states[code], atol=0.2)
    assert not torch.allclose(states["en_XX"], states["id_ID"], atol=1e-3)
    assert in_language(base("xmod")).checkpoint.language == "en_XX", "the language of the texts"


def test_a_language_without_modules_needs_a_related_one(base: Callable[[str], Path]) -> None:
    with pytest.raises(
        PlanError, match=r"3 languages, and not one for min-Latn .name a related one.*it has eng, ind, ukr"
    ):
        in_language(base("xmod"), language="min-Latn")
    with pytest.raises(PlanError, match=r"has no effect: .* has no modules for languages"):
        in_language(base("xlm-roberta"), language="ind-Latn")


def test_bytes_are_not_fitted_and_check_says_what_works_instead(base: Callable[[str], Path]) -> None:
    plan = planned(base("byt5"), "translation", "lora", "off", "{extend: auto}")
    assert "reads bytes: there is no vocabulary to extend or to trim" in plan.findings[-1].what
    assert not [
        said for said in planned(base("byt5"), "translation", "lora", "off", OFF).findings if "bytes" in said.what
    ]


def test_the_class_that_settings_name_is_taken_where_the_family_has_none(base: Callable[[str], Path]) -> None:
    ids = AutoTokenizer.from_pretrained(str(base("xlm-roberta")))(TEXTS)["input_ids"]
    assert load_tokenizer(base("xlm-r-xl"))(TEXTS)["input_ids"] == ids
    assert isinstance(load_tokenizer(base("electra")), PreTrainedTokenizerFast)
