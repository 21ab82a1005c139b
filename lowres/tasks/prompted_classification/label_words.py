"""A decoder classifies by its label words: the label is the one whose words it would most likely answer with."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lowres.models.frames import TokenIds
from lowres.tasks.classification.head import ClassificationModel
from lowres.tasks.output_head import head_logits
from lowres.training.batches import padded
from lowres.training.loss import states_at_head


class Prior(nn.Module):
    """A number for each label that is added to its score, so that labels which the base likes anyway have no advantage."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.in_features = labels
        self.bias = nn.Parameter(torch.zeros(labels))

    def forward(self, scores: Tensor) -> Tensor:
        """Corrected scores of shape (texts, labels)."""
        return scores + self.bias

    @torch.no_grad()
    def correct(self, probabilities: Tensor, frequencies: Tensor) -> None:
        """Let the mean of these probabilities, of shape (texts, labels), be the frequencies of the labels, of shape (labels,).

        Batch calibration (Zhou et al. 2024, arXiv 2309.17249), with the frequencies of train instead of equal ones.
        """
        self.bias.copy_(frequencies.clamp_min(1e-6).log() - probabilities.mean(0).clamp_min(1e-6).log())


class LabelWordModel(ClassificationModel):
    """A decoder as a classifier: the score of a label is the mean log-probability of its tokens behind the prompt.

    `words` are the token ids of each label's words.
    """

    def __init__(self, decoder: nn.Module, words: Sequence[TokenIds], pad: int) -> None:
        nn.Module.__init__(self)
        self.encoder, self.words, self.pad = decoder, [list(ids) for ids in words], pad
        self.pooling, self.dropout = "label words", nn.Identity()  # type: ignore[assignment]
        self.blocks = (slice(0, len(words)),)
        self.centres, self.frozen_vectors = {}, {}
        self.head = Prior(len(words))  # type: ignore[assignment]

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The score of each label for each prompt, float32 of shape (prompts, labels); prompts are padded on the right."""
        lengths = attention_mask.sum(1).tolist()
        prompts = [row[:length] for row, length in zip(input_ids.tolist(), lengths, strict=True)]
        scores: dict[int, Tensor] = {}
        short = [label for label, ids in enumerate(self.words) if len(ids) == 1]
        if short:  # one pass gives the probabilities of every first token
            found = self.log_probabilities(prompts, [])[:, 0]
            scores |= {label: found[:, self.words[label][0]] for label in short}
        for label, ids in enumerate(self.words):
            if label not in scores:
                found = self.log_probabilities(prompts, ids[:-1])
                wanted = torch.tensor(ids, device=found.device).expand(len(prompts), -1)
                scores[label] = found.gather(2, wanted.unsqueeze(2)).squeeze(2).mean(1)
        return torch.stack([scores[label] for label in range(len(self.words))], dim=1)

    def log_probabilities(self, prompts: Sequence[TokenIds], given: TokenIds) -> Tensor:
        """Of every token, behind each prompt and each further token `given`; float32 of shape (prompts, 1 + given, vocabulary)."""
        model = self.encoder
        device = next(model.parameters()).device
        ids, mask = padded([[*prompt, *given] for prompt in prompts], self.pad, device)
        here = torch.zeros_like(mask, dtype=torch.bool)
        for row, prompt in enumerate(prompts):
            here[row, len(prompt) - 1 : len(prompt) + len(given)] = True
        with states_at_head(model.get_output_embeddings(), here) as states:  # type: ignore[operator]
            model(input_ids=ids, attention_mask=mask, use_cache=False)
        return head_logits(model, states[0]).log_softmax(-1).view(len(prompts), 1 + len(given), -1)
