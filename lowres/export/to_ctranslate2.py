"""A translator or a decoder as a model of CTranslate2, which runs it without torch, in 8 bits if wanted.

CTranslate2's own converter reads a folder and guesses vocabulary and special tokens from the class of the tokenizer. Ours are pruned
and expanded, with language tokens of their own, so only its mapping of weights is used here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lowres.errors import ModelError, Problem
from lowres.evaluation.comparison import compare_translations
from lowres.export.ctranslate2_files import ACCEPTED, loaders, token_names, write_spec
from lowres.export.decoders_to_ctranslate2 import export_decoder
from lowres.export.drafts import draft_of, refuse_existing
from lowres.export.fidelity import Fidelity, mib_of, timed, trial_of, weights_mib
from lowres.export.merged import merged_predictor, save_tokenizer
from lowres.export.usage import heading, limits, source_code
from lowres.models.architectures import ARCHITECTURES
from lowres.runs.layout import MODEL
from lowres.runs.run import Run, load_predictor, model_digest
from lowres.tasks.engines import EXPORT_JSON, refuse_task
from lowres.tasks.saved import TOKENIZER
from lowres.tasks.translation.exported import (
    ConvertedModel,
    TranslatorExportFacts,
    patience,
    restore_exported,
)

# model_type → the class of CTranslate2 that maps its weights. BART's reads all relatives of BART, norms before or after.
LOADERS: Mapping[str, str] = {
    "bart": "BartLoader",
    "mbart": "BartLoader",
    "marian": "BartLoader",
    "m2m_100": "M2M100Loader",
    "t5": "T5Loader",
    "mt5": "T5Loader",
    "umt5": "UMT5Loader",
}
# The field of a config that says that the states are scaled before the head; CTranslate2 reads another one.
SCALED: Mapping[str, str] = {"t5": "scale_decoder_outputs", "umt5": "tie_word_embeddings"}
USAGE = """\
A model of CTranslate2 {version}, which runs without torch: `pip install ctranslate2 transformers`. Weights in {bits} bits.

{notes}```python
import json
import unicodedata

import ctranslate2
from transformers import AutoTokenizer

folder = "."  # this folder
tokenizer = AutoTokenizer.from_pretrained(f"{{folder}}/tokenizer")
with open(f"{{folder}}/shared_vocabulary.json", encoding="utf-8") as file:
    tokens = json.load(file)
model = ctranslate2.Translator(folder)

text = "…"  # {source} to {target}; of more than {longest_source} tokens: sentence by sentence
text = unicodedata.normalize("NFC", text)
ids = {ids}
[found] = model.translate_batch(
    [[tokens[one] for one in ids]], target_prefix=[{prefix}], beam_size={beams}, patience={patience},
    length_penalty={penalty}, no_repeat_ngram_size={no_repeat}, suppress_sequences=[[tokens[one]] for one in {suppressed}],
    max_input_length=0, max_decoding_length={given} + min(int({longest} * len(ids)) + 10, {most}),
)
written = [tokens.index(token) for token in found.hypotheses[0][{given}:]]
print(tokenizer.decode(written, skip_special_tokens=True))
```

With lowres, which also divides long texts{besides}: `lowres predict RUN --engine ctranslate2 "…"`.

## Compared with the run itself

{comparison}
"""


def export_ctranslate2(run: Run, out: Path, bits: int) -> Fidelity:
    """Write a translator or a decoder for CTranslate2 with weights in so many bits to `out`, and return how it compares with the run.

    Raises ModelError where CTranslate2 does not know the family or cannot do what the run does, the run cannot be merged, or where
    the exported model is not the run's within the tolerance; then nothing is written.
    """
    loaders()
    refuse_existing(out)
    run.verify()
    predictor = load_predictor(run.folder / MODEL, run.options)
    refuse_task(run.folder, predictor.facts, "ctranslate2")
    if predictor.facts.shape == "decoder":
        return export_decoder(run, predictor, out, bits)
    refuse_family(run, predictor)
    trial = trial_of(run, ("source", "source_language", "target_language"))
    own, own_seconds = timed(predictor.raw_predictions, trial.inputs)
    del predictor  # two more are loaded to merge
    merged: Any = merged_predictor(run)
    asked = [
        (merged.source_ids(text, *direction), merged.inputs.targets([answer], direction[1])[0])
        for (text, *direction), answer in zip(trial.inputs, own, strict=True)
        if len(merged.segments(text, direction)) == 1
    ]
    expected = log_probabilities(merged, asked)
    size, facts = (
        weights_mib(merged.transformer),
        TranslatorExportFacts.of(merged.inputs, model_digest(run.folder / MODEL)),
    )
    with draft_of(out) as draft:
        convert(merged, bits, draft)
        (draft / EXPORT_JSON).write_text(facts.model_dump_json(indent=1) + "\n", encoding="utf-8")
        save_tokenizer(merged.tokenizer, draft / TOKENIZER)
        exported = restore_exported(draft, run.folder / MODEL, facts.model, run.options)
        found, seconds = timed(exported.raw_predictions, trial.inputs)
        differences = np.abs(np.subtract(expected, converted_log_probabilities(exported.model, asked)))
        fidelity = Fidelity(
            format="ctranslate2", bits=bits, texts=len(own), same=sum(a == b for a, b in zip(own, found, strict=True)),
            quantity="the log-probability of a token", deviation=float(differences.mean()),
            accepted=ACCEPTED[bits], comparison=trial.comparison(compare_translations, found, own), seconds=seconds,
            own_seconds=own_seconds, threads=torch.get_num_threads(), mib=mib_of(draft), own_mib=size,
        )  # fmt: skip
        fidelity.refuse_unfaithful(run.folder)
        (draft / "README.md").write_text(usage(merged, run, fidelity), encoding="utf-8")
    return fidelity


def refuse_family(run: Run, predictor: Any) -> None:
    """Raises ModelError where a translator is of a family that CTranslate2 does not know."""
    kind = predictor.transformer.config.model_type
    if kind not in LOADERS:
        what = f"CTranslate2 does not know models of the type {kind}"
        hint = f"it knows {', '.join(LOADERS)}; lowres export RUN writes a checkpoint for transformers"
        raise ModelError(Problem(str(run.folder), what, hint))


def convert(predictor: Any, bits: int, folder: Path) -> None:
    """Write the model of a merged translator into a folder. The predictor cannot be used afterwards: its weights are changed."""
    inputs, model, tokenizer = predictor.inputs, predictor.transformer, predictor.tokenizer
    kind, config = model.config.model_type, model.config
    blocks = ARCHITECTURES[kind].blocks
    assert blocks is not None
    config.normalize_before = not blocks.norm  # which transformers does not ask, so that files may say otherwise
    config.normalize_embedding = blocks.embedding == "layernorm_embedding"
    config.tie_word_embeddings = bool(getattr(config, SCALED.get(kind, ""), False))
    with torch.no_grad():
        spec = getattr(loaders(), LOADERS[kind])().get_model_spec(model)
    tokens = token_names(tokenizer, inputs.rows)
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.decoder_start_token = spec.config.bos_token = tokens[inputs.start]
    spec.config.eos_token = tokens[inputs.end]
    spec.config.unk_token = tokens[inputs.pad if tokenizer.unk_token_id is None else tokenizer.unk_token_id]
    write_spec(spec, bits, folder)


def log_probabilities(predictor: Any, asked: Sequence[tuple[list[int], list[int]]]) -> list[float]:
    """The natural logarithm of the probability of every target token, one pair of source and target after the other."""
    found: list[float] = []
    with torch.inference_mode():
        for source, target in asked:
            before = torch.tensor([[predictor.inputs.start, *target[:-1]]])
            logits = predictor.model(input_ids=torch.tensor([source]), decoder_input_ids=before).logits[0].float()
            found += logits.log_softmax(-1)[torch.arange(len(target)), torch.tensor(target)].tolist()
    return found


def converted_log_probabilities(model: ConvertedModel, asked: Sequence[tuple[list[int], list[int]]]) -> list[float]:
    """The same of a converted model, which adds the end token itself."""
    sources, targets = [model.named(source) for source, _ in asked], [model.named(target[:-1]) for _, target in asked]
    results = model.engine.score_batch(sources, targets, max_input_length=0, max_batch_size=32)
    return [one for result in results for one in result.log_probs]


def usage(predictor: Any, run: Run, fidelity: Fidelity) -> str:
    """The README of an exported translator."""
    import ctranslate2

    facts, inputs, decoding = predictor.facts, predictor.inputs, predictor.facts.decoding
    source, target = facts.directions[0]
    tokens = token_names(predictor.tokenizer, inputs.rows)
    prefix = inputs.decoder_prefix(target)
    parts = [(" and gives the hints", facts.hints), (", and asks the phrase table", facts.with_phrase_table)]
    about = "A translator whose base, embedding rows and adapter are merged and converted."
    return heading(run.record, about) + USAGE.format(
        version=ctranslate2.__version__, bits=fidelity.bits, notes=limits(facts), source=source, target=target,
        longest_source=facts.longest, ids=source_code(predictor), prefix=[tokens[one] for one in prefix[1:]],
        beams=decoding.beams, patience=patience(decoding), penalty=decoding.length_penalty,
        no_repeat=decoding.no_repeat_ngram_size, suppressed=list(inputs.suppressed), longest=decoding.max_length_ratio,
        most=inputs.max_length - len(prefix), given=len(prefix) - 1,
        besides="".join(words for words, wanted in parts if wanted),
        comparison="\n".join(f"- {line}" for line in fidelity.sentences()),
    )  # fmt: skip
