"""Forward passes of a classifier over many texts: pooled vectors and probabilities of labels."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor

from lowres.data.corpus import Row
from lowres.methods.stacking import activate_language, adapter_languages
from lowres.tasks.classification.head import ClassificationModel
from lowres.tasks.classification.inputs import TextInputs
from lowres.tasks.classification.translations import Translations
from lowres.training.batches import sorted_batches

SCORING_TOKENS = 4096


def probabilities(
    model: ClassificationModel,
    inputs: TextInputs,
    token_ids: Sequence[Sequence[int]],
    languages: Sequence[str | None],
    accelerator: Accelerator,
    head: int = 0,
) -> NDArray[np.float32]:
    """Probability of each label of one head for each text, float32 of shape (texts, labels)."""
    return head_probabilities(model, features(model, inputs, token_ids, languages, accelerator), head)


def features(
    model: ClassificationModel,
    inputs: TextInputs,
    token_ids: Sequence[Sequence[int]],
    languages: Sequence[str | None],
    accelerator: Accelerator,
) -> Tensor:
    """The pooled vector of each text, less the mean of its language where the model has one; float32 of shape (texts, hidden size),
    without a gradient.
    """
    model.eval()
    result = torch.zeros(len(token_ids), model.head.in_features, device=accelerator.device)
    # Nothing is kept where language adapters stand in the encoder: the same text has another vector in each language.
    still = model.is_frozen and not adapter_languages(model.encoder)
    known = model.frozen_vectors if still else {}
    asked = [row for row, ids in enumerate(token_ids) if tuple(ids) not in known]
    with torch.inference_mode(), accelerator.autocast():
        for numbers in by_adapter(model, asked, languages):
            for batch in sorted_batches([len(token_ids[number]) for number in numbers], SCORING_TOKENS):
                rows = [numbers[place] for place in batch]
                ids, mask = inputs.batch([token_ids[row] for row in rows], accelerator.device)
                result[rows] = model.pooled(ids, mask)
        if still:
            known.update((tuple(token_ids[row]), result[row].clone()) for row in asked)
            for row, own in enumerate(token_ids):
                result[row] = known[tuple(own)]
    return model.centred(result, languages) if token_ids else result


def centres_of(
    model: ClassificationModel, inputs: TextInputs, translations: Translations, rows: Sequence[Row], accelerator: Accelerator
) -> dict[str, Tensor]:  # fmt: skip
    """The mean vector of the texts of each language, on the CPU."""
    languages = [row.language for row in rows]
    token_ids = inputs.token_ids([row.fields["text"] for row in rows], translations.of_rows(rows))
    vectors = features(model, inputs, token_ids, languages, accelerator)
    places = {tag: [place for place, other in enumerate(languages) if other == tag] for tag in dict.fromkeys(languages)}
    return {tag: vectors[some].mean(0).cpu() for tag, some in places.items()}


def by_adapter(model: ClassificationModel, rows: Sequence[int], languages: Sequence[str | None]) -> Iterator[list[int]]:
    """These rows in parts that share a language adapter, which is made active for each part; one part where no language has one."""
    if not adapter_languages(model.encoder):
        yield list(rows)
        return
    for language in dict.fromkeys(languages[row] for row in rows):
        activate_language(model.encoder, language)
        yield [row for row in rows if languages[row] == language]


def head_probabilities(model: ClassificationModel, states: Tensor, head: int = 0) -> NDArray[np.float32]:
    """Probability of each label of one head from pooled vectors, float32 of shape (texts, labels)."""
    model.eval()
    with torch.inference_mode():
        found: NDArray[np.float32] = model.head(states)[:, model.blocks[head]].float().softmax(-1).cpu().numpy()
    return found
