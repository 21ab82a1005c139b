"""A classifier as a graph of ONNX, which many programs compute without torch, on phones and in browsers too; in 8 bits if wanted.

The graph reads token ids and mask and gives the logits of all heads. Tokenizer and labels lie beside it.
"""

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lowres.evaluation.comparison import compare
from lowres.export.drafts import draft_of, refuse_existing
from lowres.export.fidelity import Fidelity, mib_of, timed, trial_of, weights_mib
from lowres.export.merged import merged_predictor, save_tokenizer
from lowres.export.usage import beside, heading, limits
from lowres.runs.layout import MODEL
from lowres.runs.run import Run, load_predictor, model_digest
from lowres.tasks.classification.exported import GRAPH, OnnxFacts, restore_exported
from lowres.tasks.classification.head import ClassificationModel
from lowres.tasks.engines import EXPORT_JSON, installed, refuse_task
from lowres.tasks.saved import TOKENIZER

OPSET = 17  # of 2022: phones and browsers know it
LARGEST_MIB = 1900.0  # of a graph in one file, which Protocol Buffers end at 2 GiB; larger weights lie beside it
ACCEPTED: Mapping[int, float] = {8: 0.03, 32: 0.0001}  # mean difference of a label's probability
USAGE = """\
A graph of ONNX (opset {opset}), which runs without torch: `pip install onnxruntime transformers`. Weights in {bits} bits.

{notes}```python
import unicodedata

import onnxruntime
from transformers import AutoTokenizer

folder = "."  # this folder
tokenizer = AutoTokenizer.from_pretrained(f"{{folder}}/tokenizer")
session = onnxruntime.InferenceSession(f"{{folder}}/{graph}")

labels, texts = {labels}, ["…"]
texts = [{prefix!r} + unicodedata.normalize("NFC", text) for text in texts]
{beside}inputs = tokenizer(texts, padding=True, truncation=True, max_length={longest}, return_tensors="np")
[logits] = session.run(None, {{name: inputs[name].astype("int64") for name in ("input_ids", "attention_mask")}})
{centred}print([labels[best] for best in logits[:, : len(labels)].argmax(1)])
```

With lowres{besides}: `lowres predict RUN --engine onnx "…"`.

## Compared with the run itself

{comparison}
"""
CENTRED = """\
with open(f"{{folder}}/{name}", encoding="utf-8") as file:
    logits = logits - json.load(file)["centres"][{first!r}]  # of the language that the texts are in: one of {all}
"""


def export_onnx(run: Run, out: Path, bits: int) -> Fidelity:
    """Write a classifier as a graph of ONNX with weights in so many bits to `out`, and return how it compares with the run.

    Raises ModelError where the run is no classifier over an encoder, cannot be merged, or where the graph does not predict as the run
    within the tolerance; then nothing is written.
    """
    for module in ("onnx", "onnxruntime"):
        installed("onnx", module, "--to onnx")
    refuse_existing(out)
    run.verify()
    predictor = load_predictor(run.folder / MODEL, run.options)
    facts = predictor.facts
    refuse_task(run.folder, facts, "onnx")
    trial = trial_of(run, ("text", "language"))
    texts, languages = [text for text, _ in trial.inputs], [language for _, language in trial.inputs]
    own, own_seconds = timed(predictor.raw_predictions, trial.inputs)
    del predictor  # two more are loaded to merge
    merged: Any = merged_predictor(run)
    heads = range(len(facts.sizes))
    expected = [merged.head_probabilities(texts, languages, head) for head in heads]
    digest = model_digest(run.folder / MODEL)
    with draft_of(out) as draft:
        write_graph(
            merged.model, merged.inputs.batch(merged.inputs.token_ids(texts[:2]), torch.device("cpu")), bits, draft
        )
        made = OnnxFacts(model=digest, centres=centres_of_logits(merged.model))
        (draft / EXPORT_JSON).write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
        save_tokenizer(merged.tokenizer, draft / TOKENIZER)
        exported = restore_exported(draft, run.folder / MODEL, digest, run.options)
        found, seconds = timed(exported.raw_predictions, trial.inputs)
        differences = [
            np.abs(probabilities - exported.head_probabilities(texts, languages, head)).mean()
            for head, probabilities in zip(heads, expected, strict=True)
        ]
        mine, theirs = ([facts.labels[int(np.argmax(row))] for row in rows] for rows in (found, own))
        fidelity = Fidelity(
            format="onnx", bits=bits, texts=len(own), same=sum(a == b for a, b in zip(mine, theirs, strict=True)),
            quantity="the probability of a label", deviation=float(np.max(differences)), accepted=ACCEPTED[bits],
            comparison=trial.comparison(compare, mine, theirs, labels=facts.labels), seconds=seconds, own_seconds=own_seconds,
            threads=torch.get_num_threads(), mib=mib_of(draft), own_mib=weights_mib(merged.model),
        )  # fmt: skip
        fidelity.refuse_unfaithful(run.folder)
        (draft / "README.md").write_text(usage(merged, run, fidelity), encoding="utf-8")
    return fidelity


def write_graph(
    model: ClassificationModel, example: tuple[torch.Tensor, torch.Tensor], bits: int, folder: Path
) -> None:
    """Write encoder and heads as a graph into a folder; `example` are ids and mask of two texts, which tell no sizes."""
    large = weights_mib(model) > LARGEST_MIB
    with quiet(), tempfile.TemporaryDirectory(dir=folder) as made:
        whole = Path(made) / GRAPH if bits == 8 else folder / GRAPH
        _trace(model.eval(), example, whole)
        if bits == 8:
            _quantize(whole, folder / GRAPH, large)


def _trace(model: ClassificationModel, example: tuple[torch.Tensor, torch.Tensor], path: Path) -> None:
    """Follow one computation and write its steps.

    The exporter that traces is used: it takes seconds where the newer one takes a minute, and needs no further package.
    """
    free = {0: "texts", 1: "tokens"}
    with torch.no_grad():
        torch.onnx.export(
            model, example, str(path), input_names=["input_ids", "attention_mask"], output_names=["logits"], opset_version=OPSET,
            dynamic_axes={"input_ids": free, "attention_mask": free, "logits": {0: "texts"}}, dynamo=False,
        )  # fmt: skip


def _quantize(whole: Path, path: Path, large: bool) -> None:
    """Write a graph again with the weights of matrices and tables in 8 bits; the states in between are rounded where it computes.

    Weights are unsigned, as the states are: processors without instructions for 8 bits would clip sums of signed ones.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(whole, path, weight_type=QuantType.QUInt8, per_channel=True, use_external_data_format=large)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what tracing and quantization say about every model: that branches of the code are not followed."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def centres_of_logits(model: ClassificationModel) -> dict[str, list[float]]:
    """What subtracting the mean vector of each language subtracts from the logits of all heads."""
    return {tag: (model.head.weight @ mean.to(model.head.weight)).tolist() for tag, mean in model.centres.items()}


def usage(predictor: Any, run: Run, fidelity: Fidelity) -> str:
    """The README of an exported classifier."""
    facts, centres = predictor.facts, predictor.centres
    centred = CENTRED.format(name=EXPORT_JSON, first=centres[0], all=", ".join(centres)) if centres else ""
    about = "A classifier whose base, embedding rows, adapter and head are one graph."
    text = USAGE.format(
        opset=OPSET, bits=fidelity.bits, notes=limits(facts), graph=GRAPH, labels=facts.labels, prefix=facts.prefix,
        longest=facts.max_length, centred=centred, beside=beside(predictor),
        besides=", which asks the n-grams too" if facts.with_ngrams else "",
        comparison="\n".join(f"- {line}" for line in fidelity.sentences()),
    )  # fmt: skip
    return heading(run.record, about) + (
        text.replace("import unicodedata", "import json\nimport unicodedata") if centres else text
    )
