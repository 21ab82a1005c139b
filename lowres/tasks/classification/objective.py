"""Classification: the loss that training minimises, the score on dev, and the probabilities of labels."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor

from lowres.data.corpus import LabelledRows, Row
from lowres.data.sampling import shown
from lowres.evaluation.classification_scores import primary_metric
from lowres.methods.stacking import activate_language, adapter_languages
from lowres.tasks.classification.head import ClassificationModel
from lowres.tasks.classification.inputs import TextInputs
from lowres.training.batches import sorted_batches

SCORING_TOKENS = 4096


def probabilities(
    model: ClassificationModel,
    encoder: TextInputs,
    pieces: Sequence[Sequence[int]],
    languages: Sequence[str | None],
    accelerator: Accelerator,
    head: int = 0,
) -> NDArray[np.float32]:
    """Probability of each label of one head for each text, float32 of shape (texts, labels)."""
    return _said(model, features(model, encoder, pieces, languages, accelerator), head)


def features(
    model: ClassificationModel,
    encoder: TextInputs,
    pieces: Sequence[Sequence[int]],
    languages: Sequence[str | None],
    accelerator: Accelerator,
) -> Tensor:
    """What the encoder makes of each text, float32 of shape (texts, width), without a gradient."""
    model.eval()
    result = torch.zeros(len(pieces), model.head.in_features, device=accelerator.device)
    with torch.inference_mode(), accelerator.autocast():
        for numbers in as_read(model, range(len(pieces)), languages):
            for batch in sorted_batches([len(pieces[number]) for number in numbers], SCORING_TOKENS):
                rows = [numbers[place] for place in batch]
                ids, mask = encoder.batch([pieces[row] for row in rows], accelerator.device)
                result[rows] = model.pooled(ids, mask)
    return result


def as_read(model: ClassificationModel, rows: Sequence[int], languages: Sequence[str | None]) -> Iterator[list[int]]:
    """These rows in parts that are read the same way, the model set to read each: by language, where languages have adapters."""
    if not adapter_languages(model.encoder):
        yield list(rows)
        return
    for language in dict.fromkeys(languages[row] for row in rows):
        activate_language(model.encoder, language)
        yield [row for row in rows if languages[row] == language]


def _said(model: ClassificationModel, states: Tensor, head: int = 0) -> NDArray[np.float32]:
    model.eval()
    with torch.inference_mode():
        found: NDArray[np.float32] = model.head(states)[:, model.blocks[head]].float().softmax(-1).cpu().numpy()
    return found


class ClassificationObjective:
    """Cross-entropy on the rows of all lessons, each by its head; macro-F1 (averaged over languages) of the first head on dev."""

    def __init__(
        self, model: ClassificationModel, encoder: TextInputs, lessons: Sequence[LabelledRows], dev: Sequence[Row], accelerator: Accelerator, *,
        label_smoothing: float, temperature: float = 1.0, seed: int = 13,
    ) -> None:  # fmt: skip
        self.model, self.encoder, self.labels = model, encoder, lessons[0].labels
        self.accelerator, self.dev = accelerator, dev
        self.temperature, self.seed = temperature, seed
        train = [row for lesson in lessons for row in lesson.train]
        self.heads = [head for head, lesson in enumerate(lessons) for _ in lesson.train]
        self.pieces = encoder.pieces([row.fields["text"] for row in train])
        self.dev_pieces = encoder.pieces([row.fields["text"] for row in dev])
        self.lengths = [len(ids) for ids in self.pieces]
        self.answers = [lesson.labels.index(row.fields["label"]) for lesson in lessons for row in lesson.train]
        self.languages, self.dev_languages = [row.language for row in train], [row.language for row in dev]
        self.strata = [f"{head} {language}" for head, language in zip(self.heads, self.languages, strict=True)]
        # An encoder of which nothing trains says the same in every epoch: it is asked once.
        still = not any(weight.requires_grad for weight in model.encoder.parameters())
        self.states = self._features(self.pieces, self.languages).clone() if still else None
        self.dev_states = self._features(self.dev_pieces, self.dev_languages) if still else None
        self.cross_entropy = torch.nn.CrossEntropyLoss(label_smoothing=label_smoothing, reduction="sum")

    def rows(self, epoch: int) -> Sequence[int]:
        """Every row once, or, with a temperature, those of small languages and heads more often."""
        if self.temperature == 1.0:
            return range(len(self.pieces))
        return shown(self.strata, self.temperature, None, self.seed, epoch)

    def loss(self, rows: Sequence[int], epoch: int) -> tuple[Tensor, int]:
        """Sum of the cross-entropies of these training rows, each among the labels of its own head, and how many rows there are."""
        total = torch.zeros((), device=self.accelerator.device)
        for part in as_read(self.model, rows, self.languages):
            logits = self._logits(part).float()
            for head in sorted({self.heads[row] for row in part}):
                own = [place for place, row in enumerate(part) if self.heads[row] == head]
                answers = torch.tensor([self.answers[part[place]] for place in own], device=logits.device)
                total = total + self.cross_entropy(logits[own][:, self.model.blocks[head]], answers)
        return total, len(rows)

    def _features(self, pieces: Sequence[Sequence[int]], languages: Sequence[str]) -> Tensor:
        return features(self.model, self.encoder, pieces, languages, self.accelerator)

    def _logits(self, rows: Sequence[int]) -> Tensor:
        """Of shape (rows, labels), with a gradient."""
        if self.states is not None:
            return self.model.head(self.model.dropout(self.states[list(rows)]))  # type: ignore[no-any-return]
        ids, mask = self.encoder.batch([self.pieces[row] for row in rows], self.accelerator.device)
        with self.accelerator.autocast():
            return self.model(ids, mask)  # type: ignore[no-any-return]

    def score(self) -> float:
        """Macro-F1 on dev, 0–100."""
        states = self.dev_states
        if states is None:
            states = self._features(self.dev_pieces, self.dev_languages)
        predicted = [self.labels[index] for index in _said(self.model, states).argmax(1)]
        return primary_metric(self.dev, predicted, self.labels)
