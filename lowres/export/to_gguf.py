"""A decoder as a file of GGUF, which llama.cpp and the programs around it (Ollama, LM Studio, apps for phones) compute.

The names of the weights are those of the package gguf, which the makers of llama.cpp keep; what is done to weights, and which facts of
a config are said, is in FAMILIES.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lowres.errors import ModelError, Problem
from lowres.export.decoder_answers import compared, log_probabilities, questions, trial_keys
from lowres.export.drafts import draft_of, refuse_existing
from lowres.export.fidelity import Fidelity, mib_of, timed, trial_of, weights_mib
from lowres.export.gguf_vocabulary import vocabulary_of
from lowres.export.merged import merged_predictor
from lowres.export.usage import frame_of, heading, limits
from lowres.hashing import file_sha256
from lowres.languages.codes import translation_request
from lowres.models.frames import PLAIN, Frame
from lowres.runs.layout import MODEL
from lowres.runs.run import Run, load_predictor
from lowres.tasks.table import package_of

Weights = NDArray[np.float32]
GGUF_FILE = "model.gguf"
ACCEPTED: Mapping[int, float] = {8: 0.1, 16: 0.01, 32: 0.001}  # mean difference of a token's log-probability
FILE_TYPES: Mapping[int, str] = {8: "Q8_0", 16: "F16", 32: "F32"}


def as_it_is(weights: Weights, heads: int) -> Weights:
    """The weights unchanged."""
    return weights


def in_pairs(weights: Weights, heads: int) -> Weights:
    """Queries or keys whose rotary positions turn neighbouring rows, where those of transformers turn the halves of a head."""
    halves = weights.reshape(heads, 2, len(weights) // heads // 2, *weights.shape[1:])
    return halves.swapaxes(1, 2).reshape(weights.shape)


@dataclass(frozen=True)
class Family:
    """How llama.cpp calls a family, and what is done to its weights, by the end of their names.

    `facts` gives, for each method of the writer, the field of a config whose value it is told. `head` is the size of a head that
    transformers takes for granted when it reads the file, from the config.
    """

    name: str
    facts: Mapping[str, str]
    changes: Mapping[str, Callable[[Weights, int], Weights]] = field(default_factory=dict)
    head: Callable[[Any], int] | None = None


FACTS = {
    "add_context_length": "max_position_embeddings",
    "add_embedding_length": "hidden_size",
    "add_block_count": "num_hidden_layers",
    "add_feed_forward_length": "intermediate_size",
    "add_head_count": "num_attention_heads",
    "add_head_count_kv": "num_key_value_heads",
    "add_layer_norm_rms_eps": "rms_norm_eps",
}
LLAMA = Family("llama", FACTS, {"q_proj.weight": in_pairs, "k_proj.weight": in_pairs})
FAMILIES: Mapping[str, Family] = {
    "llama": LLAMA,
    "mistral": LLAMA,
    "qwen2": Family("qwen2", FACTS, head=lambda config: config.hidden_size // config.num_attention_heads),
    "qwen3": Family("qwen3", FACTS, head=lambda config: 128),
}
PROMPTED: Mapping[str, str] = {
    "lowres.tasks.prompted_translation": "translate",
    "lowres.tasks.generation": "answer prompts",
}
USAGE = """\
`{file}` is a decoder in GGUF ({kind}), for llama.cpp and the programs around it. With llama.cpp:

    llama-cli -m {file} --temp 0 -p "…"

{notes}{asking}
The run itself writes with beam search ({beams} beams), which llama.cpp does not have.

## Compared with the run itself

As transformers reads the file (`AutoModelForCausalLM.from_pretrained(folder, gguf_file="{file}")`):

{comparison}
"""

ASKED = """\
The chat template in the file makes of a message what the model was trained with. The message is

    {question}
"""
WHOLE = """
## Is the file whole?

`sha256sum {file}` says `{sha256}` where nothing was damaged or changed on the way; the programs that read it do not look.
"""
CONTINUED = "It continues texts: give it the beginning of one, without a chat template (`-no-cnv`).\n"


def export_gguf(run: Run, out: Path, bits: int) -> Fidelity:
    """Write a decoder that answers prompts as a file of GGUF with weights in so many bits into the folder `out`, and return how it
    compares with the run.

    Raises ModelError where the run is no decoder of a family in FAMILIES, cannot be merged, or where the file, read by
    transformers, is not the run's model within the tolerance; then nothing is written.
    """
    installed()
    refuse_existing(out)
    run.verify()
    predictor = load_predictor(run.folder / MODEL, run.options)
    refuse_unknown(run, predictor)
    trial = trial_of(run, trial_keys(predictor.facts.task))
    own, own_seconds = timed(predictor.raw_predictions, trial.inputs)
    del predictor  # two more are loaded to merge
    merged: Any = merged_predictor(run)
    asked = list(questions(merged, trial, own))
    expected = log_probabilities(merged.transformer, asked)
    with draft_of(out) as draft:
        write_gguf(merged, bits, draft / GGUF_FILE, run.record.recipe.name)
        read = replace(merged, model=read_gguf(draft))
        found, _ = timed(read.raw_predictions, trial.inputs)
        differences = np.abs(np.subtract(expected, log_probabilities(read.transformer, asked)))
        fidelity = Fidelity(
            format="gguf", bits=bits, texts=len(own), same=sum(a == b for a, b in zip(own, found, strict=True)),
            quantity="the log-probability of a token", deviation=float(differences.mean()), accepted=ACCEPTED[bits],
            comparison=compared(trial, found, own), seconds=None, own_seconds=own_seconds, threads=torch.get_num_threads(),
            mib=mib_of(draft), own_mib=weights_mib(merged.transformer),
        )  # fmt: skip
        fidelity.refuse_unfaithful(run.folder)
        whole = WHOLE.format(sha256=file_sha256(draft / GGUF_FILE), file=GGUF_FILE)
        (draft / "README.md").write_text(usage(merged, run, fidelity) + whole, encoding="utf-8")
    return fidelity


def installed() -> Any:
    """The package gguf. Raises ModelError where it is not installed."""
    try:
        import gguf
    except ImportError as error:
        raise ModelError(Problem("--to gguf", "the package gguf is not installed", "pip install gguf")) from error
    return gguf


def refuse_unknown(run: Run, predictor: Any) -> None:
    """Raises ModelError where the run is no decoder of a family in FAMILIES that translates or answers prompts."""
    facts, config = predictor.facts, predictor.transformer.config
    able = " or ".join(PROMPTED.values())
    if package_of(facts.task, facts.shape) not in PROMPTED:
        what = f"{facts.task} with {facts.shape or 'such'} bases is not written as GGUF"
        raise ModelError(Problem(str(run.folder), what, f"decoders that {able} are"))
    scaling = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    if config.model_type not in FAMILIES or scaling != "default":
        kind = config.model_type + ("" if scaling == "default" else f" with positions of the type {scaling}")
        hint = f"{', '.join(FAMILIES)} are; lowres export RUN writes a checkpoint for transformers"
        raise ModelError(Problem(str(run.folder), f"models of the type {kind} are not written as GGUF", hint))
    head = FAMILIES[config.model_type].head
    if head and head(config) != head_size(config):
        what = f"in GGUF, models of the type {config.model_type} have heads of size {head(config)}, this one of {head_size(config)}"
        raise ModelError(Problem(str(run.folder), what, "lowres export RUN writes a checkpoint for transformers"))


def head_size(config: Any) -> int:
    """The size of an attention head."""
    return getattr(config, "head_dim", None) or int(config.hidden_size // config.num_attention_heads)


def read_gguf(folder: Path) -> Any:
    """The model of a file as transformers reads it, in 32 bits."""
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(
        str(folder), gguf_file=GGUF_FILE, local_files_only=True, dtype="float32", attn_implementation="eager"
    )
    return model.eval()


def write_gguf(predictor: Any, bits: int, path: Path, name: str) -> None:
    """Write the model of a merged decoder with tokenizer and chat template. Raises ModelError for a tokenizer that is not known."""
    gguf, model, frame = installed(), predictor.transformer, frame_of(predictor)
    config, family = model.config, FAMILIES[model.config.model_type]
    writer = gguf.GGUFWriter(path, family.name)
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{FILE_TYPES[bits]}" if bits < 32 else "ALL_F32"])
    for say, fact in family.facts.items():
        if (value := getattr(config, fact)) is not None:
            getattr(writer, say)(value)
    _say_positions(writer, config)
    _say_tokenizer(writer, predictor.tokenizer, frame, len(model.get_input_embeddings().weight))
    for tensor, weights in _tensors(gguf, model, family):
        kind = gguf.GGMLQuantizationType[FILE_TYPES[bits] if weights.ndim > 1 else "F32"]
        if kind == gguf.GGMLQuantizationType.Q8_0 and weights.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0]:
            kind = gguf.GGMLQuantizationType.F16  # whose rows do not divide into blocks
        writer.add_tensor(tensor, gguf.quantize(np.ascontiguousarray(weights), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _say_positions(writer: Any, config: Any) -> None:
    """Rotary positions, and the size of a head where a config has one."""
    rotary = getattr(config, "rope_parameters", None)
    if not rotary:
        return
    size = head_size(config)
    writer.add_rope_freq_base(float(rotary["rope_theta"]))
    writer.add_rope_dimension_count(size)
    writer.add_key_length(size)
    writer.add_value_length(size)


def _say_tokenizer(writer: Any, tokenizer: Any, frame: Frame, rows: int) -> None:
    """Tokens, merges or scores, special tokens, and the template of prompts."""
    known = vocabulary_of(tokenizer, rows)
    writer.add_vocab_size(rows)
    writer.add_tokenizer_model(known.model)
    writer.add_tokenizer_pre(known.division or "default")
    writer.add_token_list(known.tokens)
    writer.add_token_types(known.kinds)
    if known.merges:
        writer.add_token_merges(known.merges)
    if known.scores:
        writer.add_token_scores(known.scores)
        writer.add_add_space_prefix(known.space)
    writer.add_eos_token_id(frame.end)
    for say, token in (
        ("bos", tokenizer.bos_token_id),
        ("unk", tokenizer.unk_token_id),
        ("pad", tokenizer.pad_token_id),
    ):
        if token is not None:
            getattr(writer, f"add_{say}_token_id")(token)
    begins = list(tokenizer("a")["input_ids"])[:1] == [tokenizer.bos_token_id]
    writer.add_add_bos_token(begins)
    writer.add_add_eos_token(False)
    writer.add_chat_template(tokenizer.chat_template or PLAIN)


def _tensors(gguf: Any, model: Any, family: Family) -> Iterator[tuple[str, Weights]]:
    """The name of each weight in GGUF, and its numbers as llama.cpp computes with them."""
    arch = next(number for number, name in gguf.MODEL_ARCH_NAMES.items() if name == family.name)
    names = gguf.get_tensor_name_map(arch, model.config.num_hidden_layers)
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    for name, weight in model.state_dict().items():
        if tied and name == "lm_head.weight":
            continue  # a file without a head says that the table is the head
        numbers: Weights = weight.detach().float().numpy()
        heads = model.config.num_attention_heads
        if name.endswith("k_proj.weight"):
            heads = model.config.num_key_value_heads
        change = next((made for end, made in family.changes.items() if name.endswith(end)), as_it_is)
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if known is None:
            raise ModelError(Problem("--to gguf", f"GGUF has no name for the weight {name}", "please report this"))
        yield known, change(numbers, heads)


def usage(predictor: Any, run: Run, fidelity: Fidelity) -> str:
    """The README of an exported decoder."""
    facts = predictor.facts
    system = f"The system message is “{facts.system}”.\n\n" if getattr(facts, "system", "") else ""
    about = "A decoder whose base, embedding rows and adapter are merged and converted."
    return heading(run.record, about) + USAGE.format(
        file=GGUF_FILE, kind=FILE_TYPES[fidelity.bits], notes=limits(facts) + system, asking=_asking(facts),
        beams=facts.decoding.beams, comparison="\n".join(f"- {line}" for line in fidelity.sentences()),
    )  # fmt: skip


def _asking(facts: Any) -> str:
    """What a user says to the model."""
    if facts.task == "translation":
        return ASKED.format(question=f"{translation_request('', *facts.directions[0])}…")
    if not facts.answers:
        return CONTINUED
    return ASKED.format(question=f"{facts.instruction}\n    …" if facts.instruction else "…")
