"""The model card of a bundle: Hugging Face metadata, then what the model is, how good, and what it may be used for."""

import json
import re
from collections.abc import Iterator, Sequence
from math import isfinite

from lowres.cards import Card
from lowres.cards.licence_chain import LicenceChain
from lowres.cards.licences import SPDX
from lowres.languages.tags import shortest_code
from lowres.recipe.data_section import HubData
from lowres.recipe.sections import Recipe
from lowres.record import Record
from lowres.score import Score
from lowres.shared.manifest import LICENCES

# Task → the hub's name for it; metric → the name of its computation there.
PIPELINES = {
    "classification": "text-classification",
    "translation": "translation",
    "pre-training": "fill-mask",
    "generation": "text-generation",
}
METRICS = {"macro-F1": "f1", "chrF++": "chrf", "spBLEU": "sacrebleu", "BLEU": "sacrebleu", "ROUGE-L": "rouge"}
_DATASET = re.compile(r"https://huggingface\.co/datasets/([\w.-]+/[\w.-]+)")


def model_card(
    record: Record, recipe: Recipe, chain: LicenceChain, cards: Sequence[Card] = (), address: str = ""
) -> str:
    """The card as Markdown with YAML front matter; `cards` are those of its data, `address` is where it will be published."""
    head = "".join(
        f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in _front(record, recipe, chain, cards)
    )
    return "\n".join([f"---\n{head}---\n", *_body(record, chain, address)]) + "\n"


def _front(record: Record, recipe: Recipe, chain: LicenceChain, cards: Sequence[Card]) -> Iterator[tuple[str, object]]:
    """The metadata by which the hub finds and shows a model; values are written as JSON, which is YAML that nobody misreads."""
    plan, data, base = record.plan, record.data, recipe.base
    assert plan is not None and data is not None
    licence = next((name for name, spdx in SPDX.items() if spdx == chain.licence), "other")
    yield "license", licence
    if licence == "other":
        yield "license_name", "see-licences"
        yield "license_link", LICENCES
    yield "language", list(dict.fromkeys(shortest_code(tag[:3]) for tag in data.languages))
    yield "pipeline_tag", PIPELINES[plan.task]
    yield "library_name", "lowres"
    if base.revision is not None:  # else it is a starter, or a folder
        yield "base_model", base.name
    if found := _datasets(recipe, cards):
        yield "datasets", found
    yield "tags", ["lowres", "low-resource", plan.method, *data.languages]
    yield "model-index", [{"name": record.recipe.name, "results": [_results(record, found)]}]


def _datasets(recipe: Recipe, cards: Sequence[Card]) -> list[str]:
    """The data sets of the hub that the recipe, or one of its cards, names."""
    named = [source.hub for source in recipe.every_source if isinstance(source, HubData)]
    of_cards = (
        _DATASET.match(place or "") for card in cards for place in (card.lowres.source.url, card.lowres.homepage)
    )
    return list(dict.fromkeys([*named, *(match[1] for match in of_cards if match)]))


def _results(record: Record, datasets: Sequence[str]) -> dict[str, object]:
    """The scores on test, each with its interval and its signature, as the hub's model index has them."""
    assert record.plan is not None and record.data is not None
    kind = PIPELINES[record.plan.task]
    return {
        "task": {"type": kind, "name": record.plan.task},
        "dataset": {
            "type": datasets[0] if len(datasets) == 1 else "own",
            "name": record.data.name,
            "split": "test",
            "args": {"fingerprint": record.data.fingerprint},
        },
        "metrics": [_metric(score) for score in _shown(record)],
    }


def _metric(score: Score) -> dict[str, object]:
    bounds = {"low": score.low, "high": score.high, "confidence": score.confidence}
    known = {name: round(value, 3) for name, value in bounds.items() if isfinite(value)}
    return {
        "type": METRICS.get(score.name, score.name.replace(" ", "_").lower()),
        "value": round(score.value, score.digits),
        "name": f"{_what(score)} ({_interval(score)})",
        "args": {**known, "signature": score.signature},
    }


def _shown(record: Record) -> list[Score]:
    return [score for score in record.scores if score.label is None and score.split == "test"]


def _what(score: Score) -> str:
    return f"{score.name}{f', {score.language}' if score.language else ''}"


def _interval(score: Score) -> str:
    return f"{score.confidence:.0%} interval {score.low:.{score.digits}f} – {score.high:.{score.digits}f}"


def licences_page(chain: LicenceChain, agreed: str) -> str:
    """What the model was made from, under which licences, what follows from it, and who agreed."""
    agreement = [f"\nWhoever shared this says who agreed: {agreed}"] if agreed else []
    return "\n".join(["# Licences", "", *(f"- {line}" for line in chain.sentences()), *agreement]) + "\n"


def _body(record: Record, chain: LicenceChain, address: str) -> Iterator[str]:
    plan, data = record.plan, record.data
    assert plan is not None and data is not None
    yield f"# {record.recipe.name}"
    yield ""
    if record.recipe.description:
        yield f"{record.recipe.description}\n"
    yield f"{plan.task.capitalize()} with {plan.base}, method {plan.method}, adapted with lowres to {', '.join(data.languages)}."
    yield ""
    yield "    pip install lowres"
    yield f'    lowres predict {address or "FOLDER"} "…"'
    yield ""
    yield "## How good it is"
    yield ""
    yield "| on test | value | interval | computed as |"
    yield "|---|---|---|---|"
    yield from (
        f"| {_what(score)} | {score.value:.{score.digits}f} | {_interval(score)} | `{score.signature}` |"
        for score in _shown(record)
    )
    best = record.best_baseline
    if best:
        yield ""
        yield f"The best simple rival, {best.name}: " + ", ".join(
            f"{score.name} {score.value:.{score.digits}f}"
            for score in best.scores
            if score.language is None and score.label is None
        )
    if record.transfer:
        yield ""
        yield f"Does transfer help? {record.transfer.verdict}: {record.transfer.why}"
    yield ""
    yield "## Data"
    yield ""
    rows = ", ".join(f"{sum(counts.values()):,} {split}" for split, counts in data.rows.items())
    yield f"{data.name}: {rows} texts. {data.citation} {data.homepage}".rstrip()
    yield ""
    yield "## What it may be used for"
    yield ""
    yield from (f"- {line}" for line in chain.sentences())
    yield ""
    yield "Data, base, versions and seed stand in recipe.lock."
    place = address or "FOLDER"
    yield f"`lowres verify {place}` checks the files, with `--scores` the scores; `lowres run {place}` carries out the recipe again."
