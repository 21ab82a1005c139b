"""What `lowres check` prints of a recipe: data, base, method, memory and time."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lowres.errors import Finding

if TYPE_CHECKING:
    from lowres.data.corpus import Corpus
    from lowres.planning import Examined
    from lowres.recipe import Recipe

SHOWN = {"memory_gib_at_most": "memory at most, GiB", "host_memory_gib_at_most": "host memory at most, GiB"}


def check_facts(examined: "Examined") -> dict[str, Any]:
    """The facts by name, ready for JSON."""
    from lowres.models.base_licences import base_licence
    from lowres.planning import device_memory_gib, estimate_stages, host_memory_gib
    from lowres.planning.licensing import chain_of

    file, plan, corpus = examined.file, examined.plan, examined.corpus
    base = plan.checkpoint
    chain = chain_of(file.recipe, [plan.near], base.name, base.licence or base_licence(base.name, base.folder))
    precision = {"off": plan.precision, "8bit": "8 bits", "4bit": "4 bits"}[file.recipe.base.quantize]
    host = host_memory_gib(plan, corpus)
    stages = {name: round(seconds / 60, 1) for name, seconds in estimate_stages(plan, corpus).items()}
    return {
        "recipe": file.recipe.name,
        "data": corpus.name,
        "licence": corpus.licence,
        "licences": chain.sentences(),
        "languages": list(corpus.languages),
        **_counts(examined),
        "base": plan.checkpoint.name,
        "vocabulary": _vocabulary(examined),
        "method": file.recipe.method.kind,
        **_search(plan.recipe),
        "weights in": precision,
        "device": f"{plan.machine.device}: {plan.machine.name}",
        "precision": plan.precision,
        "memory_gib_at_most": round(device_memory_gib(plan, corpus), 1),
        **({"host_memory_gib_at_most": round(host, 1)} if host is not None else {}),
        "minutes_at_most": {**stages, "in all": round(sum(stages.values()), 1)},
        "findings": [vars(finding) for finding in _warnings_first(examined.findings)],
    }


def check_lines(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The facts as lines, the findings below the table, each with the indent of what does not fit into its line."""
    named = {SHOWN.get(key, key.replace("_", " ")): value for key, value in facts.items() if key != "findings"}
    width = max(map(len, named)) + 2
    for name, value in named.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        parts = shown if name == "licences" else [" ".join(shown) if isinstance(shown, list) else str(shown)]
        for number, part in enumerate(parts):
            yield f"{'' if number else name:<{width}}{part}", " " * width
    for number, finding in enumerate(facts["findings"]):
        yield from [] if number else [("", "")]
        code = f" [{finding['code']}]" if finding["code"] else ""
        yield f"{finding['level']}{code}: {Finding(**finding).told}", "  "
    if code := next((finding["code"] for finding in facts["findings"] if finding["code"]), ""):
        yield from [("", ""), (f"what a word in brackets means: lowres explain {code}", "")]


def _warnings_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.level != "warning")


def _search(recipe: "Recipe") -> dict[str, str]:
    """How translations and answers are searched for; nothing for tasks that write none."""
    from lowres.planning.recipe_rules import TASKS_OF

    if getattr(recipe.task, "only_chooses", False):
        return {"search": f"none: the model chooses among {recipe.ensemble.rerank} translations of the phrase table"}
    beams = recipe.decoding.beams
    found = "greedy (decoding.beams: 1)" if beams == 1 else f"{beams} beams"
    return {"search": found} if recipe.task.kind in TASKS_OF["decoding"] else {}


def _counts(examined: "Examined") -> dict[str, Any]:
    """Rows, labels or pairs by split."""
    from lowres.data.corpus import SPLITS
    from lowres.recipe.task_section import Translation

    corpus, task = examined.corpus, examined.plan.recipe.task
    if isinstance(task, Translation):
        return _pair_counts(task, corpus)
    counts: dict[str, Any] = {"rows": {split: len(corpus.split(split)) for split in SPLITS}}
    for split in SPLITS if corpus.labels else ():
        found = Counter(row.fields["label"] for row in corpus.split(split))
        counts[f"labels in {split}"] = {label: found[label] for label in corpus.labels}
    for name, head in corpus.auxiliary.items():
        found = Counter(row.fields["label"] for row in head.train)
        counts[f"labels of {name}"] = {label: found[label] for label in head.labels}
    return counts


def _pair_counts(task: Any, corpus: "Corpus") -> dict[str, Any]:
    """Pairs of every split by direction, and texts that no pair of the split uses."""
    from lowres.data.corpus import SPLITS
    from lowres.data.pairs import directions, pairs

    counts: dict[str, Any] = {"pairs": {}}
    alone: dict[str, int] = {}
    for split in SPLITS:
        found = pairs(corpus.split(split), directions(task, corpus.languages))
        counts["pairs"][split] = len(found)
        counts[f"pairs in {split}"] = dict(Counter(pair.direction_name for pair in found))
        used = {row.id for pair in found for row in (pair.source, pair.target)}
        alone[split] = sum(row.id not in used for row in corpus.split(split))
    return {**counts, "texts without a translation": alone}


def _vocabulary(examined: "Examined") -> dict[str, int]:
    data = examined.fitting_data
    facts = {
        "training texts": len(data.train),
        "of them translated by a pivot": sum(map(len, data.bitexts.values())),
        "words in the lexicon": len(data.lexicon),
        "protected texts": len(data.protect),
    }
    return {name: count for name, count in facts.items() if count}
