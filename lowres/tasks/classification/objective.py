"""Classification: the training loss and the score on dev."""

from collections import Counter
from collections.abc import Sequence

import torch
from accelerate import Accelerator
from torch import Tensor

from lowres.data.corpus import LabelledRows, Row
from lowres.data.sampling import shown
from lowres.errors import Finding
from lowres.evaluation.classification_scores import primary_metric
from lowres.planning import Plan
from lowres.recipe.task_section import Classification
from lowres.tasks.classification.forward import by_adapter, features, head_probabilities
from lowres.tasks.classification.head import ClassificationModel
from lowres.tasks.classification.inputs import TextInputs
from lowres.tasks.classification.translations import Translations


def _truncations(truncated: Sequence[bool], max_length: int) -> list[Finding]:
    if not any(truncated):
        return []
    what = f"{sum(truncated)} of {len(truncated)} training texts are longer than {max_length} tokens: their ends are not read"
    return [Finding("warning", f"{what} (training.max_length may be raised)", "training.max_length")]


def task_of(plan: Plan) -> Classification:
    """The task of a plan, which is classification."""
    assert isinstance(plan.recipe.task, Classification)
    return plan.recipe.task


def _equal_shares(dataset: LabelledRows, device: torch.device) -> Tensor:
    """A weight for each label, in inverse proportion to its rows; 1 where all have equally many, and for labels without any."""
    rows = Counter(row.fields["label"] for row in dataset.train)
    shares = [rows[label] * len(rows) / max(1, len(dataset.train)) for label in dataset.labels]
    return torch.tensor([1 / share if share else 1.0 for share in shares], device=device)


class ClassificationObjective:
    """Cross-entropy on the rows of all datasets, each by its head; macro-F1 (averaged over languages) of the first head on dev.

    If `balanced`, each label of a head has the same share in the loss, whatever its number of rows.
    """

    def __init__(
        self, model: ClassificationModel, inputs: TextInputs, translations: Translations, datasets: Sequence[LabelledRows],
        dev: Sequence[Row], accelerator: Accelerator, *, label_smoothing: float, temperature: float = 1.0, balanced: bool = False,
        seed: int = 13,
    ) -> None:  # fmt: skip
        self.model, self.inputs, self.labels = model, inputs, datasets[0].labels
        self.accelerator, self.dev = accelerator, dev
        self.temperature, self.seed = temperature, seed
        train = [row for dataset in datasets for row in dataset.train]
        self.heads = [head for head, dataset in enumerate(datasets) for _ in dataset.train]
        texts, beside = [row.fields["text"] for row in train], translations.of_rows(train)
        self.token_ids = inputs.token_ids(texts, beside)
        self.dev_ids = inputs.token_ids([row.fields["text"] for row in dev], translations.of_rows(dev))
        self.lengths = [len(ids) for ids in self.token_ids]
        self.findings = _truncations(inputs.truncated(texts, beside), inputs.max_length)
        self.targets = [dataset.labels.index(row.fields["label"]) for dataset in datasets for row in dataset.train]
        self.languages, self.dev_languages = [row.language for row in train], [row.language for row in dev]
        self.sampling_groups = [f"{head} {language}" for head, language in zip(self.heads, self.languages, strict=True)]
        # The vectors of an encoder of which nothing trains are the same in every epoch: they are computed once.
        still = model.is_frozen
        self.states = self._features(self.token_ids, self.languages).clone() if still else None
        self.dev_states = self._features(self.dev_ids, self.dev_languages) if still else None
        self.shares = [_equal_shares(dataset, accelerator.device) for dataset in datasets] if balanced else None
        self.cross_entropy = torch.nn.CrossEntropyLoss(
            label_smoothing=label_smoothing, reduction="none" if balanced else "sum"
        )

    def rows(self, epoch: int) -> Sequence[int]:
        """Every training row once, or, with a temperature, rows of small languages and heads more often."""
        if self.temperature == 1.0:
            return range(len(self.token_ids))
        return shown(self.sampling_groups, self.temperature, None, self.seed, epoch)

    def loss(self, rows: Sequence[int], epoch: int) -> tuple[Tensor, int]:
        """Sum of the cross-entropies of these training rows, each among the labels of its own head, and how many rows there are."""
        total = torch.zeros((), device=self.accelerator.device)
        for part in by_adapter(self.model, rows, self.languages):
            logits = self._logits(part).float()
            for head in sorted({self.heads[row] for row in part}):
                of_head = [place for place, row in enumerate(part) if self.heads[row] == head]
                targets = torch.tensor([self.targets[part[place]] for place in of_head], device=logits.device)
                loss = self.cross_entropy(logits[of_head][:, self.model.blocks[head]], targets)
                total = total + (loss if self.shares is None else loss @ self.shares[head][targets])
        return total, len(rows)

    def _features(self, token_ids: Sequence[Sequence[int]], languages: Sequence[str]) -> Tensor:
        return features(self.model, self.inputs, token_ids, languages, self.accelerator)

    def _logits(self, rows: Sequence[int]) -> Tensor:
        """Logits of shape (rows, labels of all heads), with a gradient."""
        if self.states is not None:
            return self.model.head(self.model.dropout(self.states[list(rows)]))  # type: ignore[no-any-return]
        ids, mask = self.inputs.batch([self.token_ids[row] for row in rows], self.accelerator.device)
        with self.accelerator.autocast():
            return self.model(ids, mask)  # type: ignore[no-any-return]

    def score(self) -> float:
        """Macro-F1 on dev, 0–100, averaged over languages."""
        states = self.dev_states
        if states is None:
            states = self._features(self.dev_ids, self.dev_languages)
        predicted = [self.labels[index] for index in head_probabilities(self.model, states).argmax(1)]
        return primary_metric(self.dev, predicted, self.labels)
