"""How probable a model finds a given translation: in batches the same as token by token, for encoder-decoders and decoders."""

from pathlib import Path

import pytest
import torch
from bases import write_base
from decoder_bases import write_decoder
from test_export_formats import PAIRS
from untrained import pairs_corpus, plan_of, predictor_of, translation


@pytest.mark.parametrize("family", ["nllb", "mt5"])
def test_an_encoder_decoder_scores_what_others_wrote(family: str, tmp_path: Path) -> None:
    plan = plan_of(write_base(family, tmp_path / "base"), translation(more=", hints: off"))
    translator = predictor_of(plan, pairs_corpus(PAIRS))
    direction = translator.facts.directions[0]
    found = translator.likelihoods([(source, *direction) for source, _ in PAIRS], [target for _, target in PAIRS])
    prefix = translator.inputs.decoder_prefix(direction[1])
    for (source, target), one in list(zip(PAIRS, found, strict=True))[:5]:
        (ids,) = translator.inputs.subwords([target], target_side=True)
        written = [*ids, translator.inputs.end]
        with torch.no_grad():
            logits = translator.model(
                input_ids=torch.tensor([translator.source_ids(source, *direction)]),
                decoder_input_ids=torch.tensor([[*prefix, *written[:-1]]]),
            ).logits[0, len(prefix) - 1 :]
        logs = logits.log_softmax(-1)[torch.arange(len(written)), torch.tensor(written)]
        assert one.tokens == len(written) and one.log_probability == pytest.approx(float(logs.sum()), abs=1e-2)


def test_a_decoder_scores_answers_after_their_prompts(tmp_path: Path) -> None:
    translator = predictor_of(
        plan_of(write_decoder("qwen2", tmp_path / "base"), translation(), max_length=120), pairs_corpus(PAIRS)
    )
    direction = translator.facts.directions[0]
    found = translator.likelihoods([(source, *direction) for source, _ in PAIRS], [target for _, target in PAIRS])
    for (source, target), one in list(zip(PAIRS, found, strict=True))[:5]:
        prompt, answer = translator.source_ids(source, *direction), translator.answer_ids(target, source, direction[1])
        with torch.no_grad():
            logits = translator.model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0]
        logs = logits.log_softmax(-1)[
            torch.arange(len(prompt) - 1, len(prompt) + len(answer) - 1), torch.tensor(answer)
        ]
        assert one.tokens == len(answer) and one.log_probability == pytest.approx(float(logs.sum()), abs=1e-2)
        assert answer[-1] == translator.prompts.frame.end
