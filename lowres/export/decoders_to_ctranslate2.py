"""A decoder as a model of CTranslate2. Only CTranslate2's mapping of weights is used, and what it leaves out of a config is added."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lowres.errors import ModelError, Problem
from lowres.evaluation.comparison import compare
from lowres.export.ctranslate2_files import ACCEPTED, loaders, token_names, write_spec
from lowres.export.decoder_answers import compared, log_probabilities, questions, trial_keys
from lowres.export.drafts import draft_of
from lowres.export.fidelity import Fidelity, Trial, mib_of, timed, trial_of, weights_mib
from lowres.export.merged import merged_predictor, save_tokenizer
from lowres.export.usage import BY_WORDS, frame_of, heading, limits, most_code, question_code
from lowres.runs.layout import MODEL
from lowres.runs.run import Run, model_digest
from lowres.tasks.engines import EXPORT_JSON, ExportFacts, restore_draft
from lowres.tasks.generation.continuation import unwritten
from lowres.tasks.prompted_translation.exported import PromptedExportFacts
from lowres.tasks.saved import TOKENIZER
from lowres.tasks.translation.exported import patience

ACCEPTED_OF_LABELS: Mapping[int, float] = {8: 0.03, 16: 0.003, 32: 0.0001}  # mean difference of a label's probability


@dataclass(frozen=True)
class Family:
    """The class of CTranslate2 that maps a family's weights, and what it takes for granted.

    `granted` gives, for fields of a config, the values that it computes with; `positions` are the types of rotary positions.
    """

    loader: str
    granted: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    positions: tuple[str, ...] = ("default",)


SILU = {"hidden_act": ("silu", "swish")}
FAMILIES: Mapping[str, Family] = {
    "llama": Family("LlamaLoader", SILU, ("default", "linear", "llama3")),
    "mistral": Family("MistralLoader", SILU),
    "qwen2": Family("Qwen2Loader", SILU),
    "qwen3": Family("Qwen3Loader", SILU),
    "gemma3_text": Family(
        "Gemma3Loader",
        {
            "hidden_activation": ("gelu_pytorch_tanh", "gelu"),
            "attn_logit_softcapping": (None,),
            "final_logit_softcapping": (None,),
            "use_bidirectional_attention": (None, False),
        },
    ),
    "gpt2": Family("GPT2Loader", {"scale_attn_weights": (True,), "scale_attn_by_inverse_layer_idx": (False,)}),
    "bloom": Family("BloomLoader", {"apply_residual_connection_post_layernorm": (False,)}),
    "opt": Family("OPTLoader", {"_remove_final_layer_norm": (False,)}),
}
# Families that it converts, but computes otherwise than they were trained.
OTHERWISE: Mapping[str, str] = {"gemma2": "it does not bound the scores of attention (softcapping)"}
USAGE = """\
A model of CTranslate2 {version}, which runs without torch: `pip install ctranslate2 transformers`. Weights in {bits} bits.

{notes}{asking}
## Compared with the run itself

{comparison}
"""
ANSWERING = """\
```python
import json
import unicodedata

import ctranslate2
from transformers import AutoTokenizer

folder = "."  # this folder
tokenizer = AutoTokenizer.from_pretrained(f"{{folder}}/tokenizer")
with open(f"{{folder}}/vocabulary.json", encoding="utf-8") as file:
    tokens = json.load(file)
model = ctranslate2.Generator(folder)

text = "…"
text = unicodedata.normalize("NFC", text)
{question}
suppressed = {suppressed}  # special tokens, and rows of the table without a token
[found] = model.generate_batch(
    [[tokens[one] for one in ids]], include_prompt_in_result=False, beam_size={beams}, patience={patience},
    length_penalty={penalty}, no_repeat_ngram_size={no_repeat}, suppress_sequences=[[tokens[one]] for one in suppressed],
    end_token={ends}, max_length={most},
)
print(tokenizer.decode(found.sequences_ids[0], skip_special_tokens=True).strip())
```

With lowres{besides}: `lowres predict RUN --engine ctranslate2 "…"`.
"""
LABELLING = '{words}With lowres: `lowres predict RUN --engine ctranslate2 "…"`.\n'


def export_decoder(run: Run, predictor: Any, out: Path, bits: int) -> Fidelity:
    """Write a decoder for CTranslate2 with weights in so many bits to `out`, and return how it compares with the run.

    Raises ModelError where CTranslate2 does not compute what the run does, the run cannot be merged, or the exported model is not
    the run's within the tolerance; then nothing is written.
    """
    refuse_unfit(run, predictor)
    task = predictor.facts.task
    classifies = task == "classification"
    trial = trial_of(run, trial_keys(task))
    own, own_seconds = timed(predictor.raw_predictions, trial.inputs)
    del predictor  # two more are loaded to merge
    merged: Any = merged_predictor(run)
    expected, size, positions = signals(merged, trial, own), weights_mib(merged.transformer), positions_of(merged)
    digest = model_digest(run.folder / MODEL)
    with draft_of(out) as draft:
        convert(merged, bits, draft)
        made = PromptedExportFacts(model=digest, positions=positions) if positions else ExportFacts(model=digest)
        (draft / EXPORT_JSON).write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
        save_tokenizer(merged.tokenizer, draft / TOKENIZER)
        exported = restore_draft(draft, run.folder / MODEL, digest, run.options)
        found, seconds = timed(exported.raw_predictions, trial.inputs)
        differences = np.abs(np.subtract(expected, signals(exported, trial, own)))
        fidelity = Fidelity(
            format="ctranslate2", bits=bits, texts=len(own), same=same_answers(merged, found, own),
            quantity=f"the {'probability of a label' if classifies else 'log-probability of a token'}",
            deviation=float(differences.mean()), accepted=(ACCEPTED_OF_LABELS if classifies else ACCEPTED)[bits],
            comparison=comparison_of(merged, trial, found, own), seconds=seconds, own_seconds=own_seconds,
            threads=torch.get_num_threads(), mib=mib_of(draft), own_mib=size,
        )  # fmt: skip
        fidelity.refuse_unfaithful(run.folder)
        (draft / "README.md").write_text(usage(merged, run, fidelity), encoding="utf-8")
    return fidelity


def refuse_unfit(run: Run, predictor: Any) -> None:
    """Raises ModelError where CTranslate2 computes a model otherwise than transformers does, or cannot do what the run does."""
    facts, config = predictor.facts, predictor.transformer.config
    kind, checkpoint = config.model_type, "lowres export RUN writes a checkpoint for transformers"
    if facts.task == "classification" and not facts.words:
        what = "CTranslate2 tells no states of a decoder, which the head on the last token reads"
        raise ModelError(Problem(str(run.folder), what, f"task.by: label-words can be exported; {checkpoint}"))
    if kind in OTHERWISE:
        what = f"CTranslate2 computes models of the type {kind} otherwise: {OTHERWISE[kind]}"
        raise ModelError(Problem(str(run.folder), what, checkpoint))
    if kind not in FAMILIES:
        what = f"CTranslate2 does not know models of the type {kind}"
        raise ModelError(Problem(str(run.folder), what, f"it knows {', '.join(FAMILIES)}; {checkpoint}"))
    for what in _ungranted(FAMILIES[kind], config, 2 * facts.max_length):
        raise ModelError(Problem(str(run.folder), f"CTranslate2 does not compute models with {what}", checkpoint))


def _ungranted(family: Family, config: Any, longest: int) -> list[str]:
    """What a config says that CTranslate2 does not follow, of texts of at most so many tokens."""
    found = [
        f"{name}: {value}"
        for name, known in family.granted.items()
        if (value := getattr(config, name, known[0])) not in known
    ]
    types = {one.get("rope_type", "default") for one in _rotary(config)}
    found += [f"rotary positions of the type {one}" for one in sorted(types - {*family.positions})]
    window = getattr(config, "sliding_window", None)
    if window and longest > window:
        found.append(f"attention over {window} tokens, where prompt and answer may have {longest}")
    return found


def _rotary(config: Any) -> list[Mapping[str, Any]]:
    """The settings of rotary positions: one for all layers, or one for each type of layer."""
    settings = getattr(config, "rope_parameters", None) or {}
    several = [one for one in settings.values() if isinstance(one, Mapping)]
    return several or ([settings] if settings else [])


def convert(predictor: Any, bits: int, folder: Path) -> None:
    """Write the model of a merged decoder into a folder. The predictor cannot be used afterwards: its weights are changed."""
    model, tokenizer = predictor.transformer, predictor.tokenizer
    config, frame, rows = model.config, frame_of(predictor), len(model.get_output_embeddings().weight)
    settings = getattr(config, "rope_parameters", None) or {}
    if "full_attention" in settings:  # of Gemma 3, in fields that transformers 4 had
        config.rope_theta = settings["full_attention"]["rope_theta"]
        config.rope_local_base_freq = settings["sliding_attention"]["rope_theta"]
    if getattr(config, "sliding_window", None):
        config.sliding_window = 0  # no text is as long as a window, and CTranslate2 scores no batches with windows
    with torch.no_grad():
        spec = getattr(loaders(), FAMILIES[config.model_type].loader)().get_model_spec(model)
    _complete(spec, config)
    tokens = token_names(tokenizer, rows)
    spec.register_vocabulary(tokens)
    spec.config.eos_token = tokens[frame.end]
    spec.config.bos_token = tokens[frame.begin[0]]
    spec.config.unk_token = tokens[tokenizer.pad_token_id if tokenizer.unk_token_id is None else tokenizer.unk_token_id]
    epsilon = getattr(config, "rms_norm_eps", None) or getattr(config, "layer_norm_epsilon", None)
    if epsilon:
        spec.config.layer_norm_epsilon = epsilon
    write_spec(spec, bits, folder)


def _complete(spec: Any, config: Any) -> None:
    """Say what the engine knows, but the loaders of CTranslate2 4.8 leave out: of some families or of all.

    A specification takes no new attributes by assignment.
    """
    rotary = next(iter(_rotary(config)), {})
    for layer in spec.decoder.layer:
        said = vars(layer.self_attention)
        if rotary:
            said["head_dim"] = np.int32(
                getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
            )
        if rotary.get("rope_type") == "llama3":
            said["rotary_scaling_factor"] = np.float32(rotary["factor"])
            said["original_max_position_embeddings"] = np.int32(rotary["original_max_position_embeddings"])
        if scale := getattr(config, "query_pre_attn_scalar", None):
            said["queries_scale"] = np.float32(scale**-0.5)


def signals(predictor: Any, trial: Trial, own: Any) -> list[float]:
    """What is compared: the probabilities of labels, or the log-probabilities of the tokens of the run's own answers."""
    if predictor.facts.task == "classification":
        texts, languages = [text for text, _ in trial.inputs], [language for _, language in trial.inputs]
        return [float(one) for one in predictor.head_probabilities(texts, languages).ravel()]
    asked = list(questions(predictor, trial, own))
    model = predictor.model
    if hasattr(model, "answer_log_probabilities"):
        return [one for logs in model.answer_log_probabilities(asked) for one in logs]
    return log_probabilities(predictor.transformer, asked)


def positions_of(predictor: Any) -> int | None:
    """How many tokens a translator reads and writes together; None for others, whose model.json says it."""
    return int(predictor.inputs.positions) if predictor.facts.task == "translation" else None


def same_answers(predictor: Any, found: Any, own: Any) -> int:
    """How many answers, or likeliest labels, are equal."""
    if predictor.facts.task == "classification":
        found, own = _labels(predictor, found), _labels(predictor, own)
    return sum(one == other for one, other in zip(found, own, strict=True))


def comparison_of(predictor: Any, trial: Trial, found: Any, own: Any) -> Any:
    """The score of the exported model less that of the run."""
    if predictor.facts.task != "classification":
        return compared(trial, found, own)
    mine, theirs = _labels(predictor, found), _labels(predictor, own)
    return trial.comparison(compare, mine, theirs, labels=predictor.facts.labels)


def _labels(predictor: Any, table: Any) -> list[str]:
    """The likeliest label of each row of probabilities."""
    return [predictor.facts.labels[int(np.argmax(row))] for row in table]


def usage(predictor: Any, run: Run, fidelity: Fidelity) -> str:
    """The README of an exported decoder."""
    import ctranslate2

    facts = predictor.facts
    about = "A decoder whose base, embedding rows and adapter are merged and converted."
    asking = (
        LABELLING.format(words=BY_WORDS.format(words=facts.words).lstrip("\n# "))
        if facts.task == "classification"
        else answering(predictor)
    )
    return heading(run.record, about) + USAGE.format(
        version=ctranslate2.__version__, bits=fidelity.bits, notes=limits(facts), asking=asking,
        comparison="\n".join(f"- {line}" for line in fidelity.sentences()),
    )  # fmt: skip


def answering(predictor: Any) -> str:
    """Code that asks the model, in the first direction of a translator."""
    facts, frame = predictor.facts, frame_of(predictor)
    decoding, rows = facts.decoding, len(predictor.transformer.get_output_embeddings().weight)
    special = [one for one in unwritten(frame, rows) or () if one < len(frame.tokenizer)]
    parts = [
        (" and gives the hints", getattr(facts, "hints", False)),
        (", and asks the phrase table", getattr(facts, "with_phrase_table", ())),
    ]
    divides = ", which also divides long texts" if facts.task == "translation" else ""
    return ANSWERING.format(
        question=question_code(predictor), beams=decoding.beams, patience=patience(decoding), penalty=decoding.length_penalty,
        no_repeat=decoding.no_repeat_ngram_size, ends=list(frame.ends),
        suppressed=f"[*{special}, *range({len(frame.tokenizer)}, {rows})]",
        most=most_code(predictor), besides=divides + "".join(words for words, wanted in parts if wanted),
    )  # fmt: skip
