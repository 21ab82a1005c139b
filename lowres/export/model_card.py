"""The model card of a bundle: Hugging Face metadata, then what the model is, how good, and what it may be used for."""

import json
from collections.abc import Iterator

from lowres.cards.licence_chain import LicenceChain
from lowres.cards.licences import SPDX
from lowres.recipe.sections import Recipe
from lowres.record import Record
from lowres.score import Score

PIPELINES = {"classification": "text-classification", "translation": "translation", "pre-training": "fill-mask"}


def model_card(record: Record, recipe: Recipe, chain: LicenceChain) -> str:
    """The card as Markdown with YAML front matter."""
    assert record.plan is not None and record.data is not None
    hub = {spdx: name for name, spdx in SPDX.items()}
    licence = hub.get(chain.licence, "other")
    languages = list(dict.fromkeys(tag[:3] for tag in record.data.languages))
    front = {
        "license": licence,
        **({"license_name": "see LICENCES.md", "license_link": "LICENCES.md"} if licence == "other" else {}),
        "language": languages,
        "pipeline_tag": PIPELINES[record.plan.task],
        "library_name": "lowres",
        **({"base_model": record.plan.base} if "/" in record.plan.base else {}),
        "tags": ["lowres", "low-resource", record.plan.method],
    }
    lines = ["---", *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()), "---", ""]
    return "\n".join([*lines, *_body(record, recipe, chain)]) + "\n"


def licences_page(chain: LicenceChain, agreed: str) -> str:
    """What the model was made from, under which licences, what follows from it, and who agreed."""
    agreement = [f"\nWhoever shared this says who agreed: {agreed}"] if agreed else []
    return "\n".join(["# Licences", "", *(f"- {line}" for line in chain.sentences()), *agreement]) + "\n"


def _body(record: Record, recipe: Recipe, chain: LicenceChain) -> Iterator[str]:
    plan, data = record.plan, record.data
    assert plan is not None and data is not None
    yield f"# {record.recipe.name}"
    yield ""
    if record.recipe.description:
        yield f"{record.recipe.description}\n"
    yield f"{plan.task.capitalize()} with {plan.base}, method {plan.method}, adapted with lowres to {', '.join(data.languages)}."
    yield ""
    yield "    pip install lowres"
    yield '    lowres predict FOLDER "…"'
    yield ""
    yield "## How good it is"
    yield ""
    yield "| on test | value | interval | computed as |"
    yield "|---|---|---|---|"
    for score in record.scores:
        if score.label is None and score.split == "test":
            yield _row(score)
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
    yield "Data, base, versions and seed stand in recipe.lock. `lowres verify FOLDER` checks the files, with `--scores` the scores."


def _row(score: Score) -> str:
    what = f"{score.name}{f', {score.language}' if score.language else ''}"
    interval = f"{score.low:.{score.digits}f} – {score.high:.{score.digits}f} ({score.confidence:.0%})"
    return f"| {what} | {score.value:.{score.digits}f} | {interval} | `{score.signature}` |"
