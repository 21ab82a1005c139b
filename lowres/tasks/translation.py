"""Translation: how texts become pieces on both sides, what is minimised, how a translation is found and read off."""

import random
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from transformers import DynamicCache, EncoderDecoderCache, GenerationConfig, PreTrainedTokenizerBase
from transformers.modeling_outputs import BaseModelOutput

from lowres.data.corpus import Row
from lowres.data.pairs import Pair, sampled
from lowres.evaluation.translation import headline
from lowres.languages import language, normalise
from lowres.models.architectures import Marks
from lowres.models.holding import PRECISIONS
from lowres.models.lexicon import Lexicon
from lowres.recipe.sections import Decoding
from lowres.tasks.denoising import noised, with_denoising
from lowres.training.batches import sorted_batches
from lowres.training.loss import piece_loss
from lowres.vocabulary.pieces import sentinels
from lowres.vocabulary.rows import SplitEmbedding, SplitHead

SEARCH_TOKENS = 16_384  # padded source pieces of a batch, times beams
SOURCE_TOKENS = 6144  # and without, on a processor, which is slower with more (docs/speed.md)
DEV_PAIRS = 240
CACHE_BYTES = 4 << 30
WITHHELD = 20
Pieces = list[int]


@dataclass(frozen=True)
class Wording:
    """Texts as a model of one family reads and writes them.

    `tags` gives the piece of each language, for families that have them; `start` is the first piece of the decoder, `end` the
    last of both sides.
    """

    tokenizer: PreTrainedTokenizerBase
    marks: Marks
    tags: Mapping[str, int]
    start: int
    end: int
    pad: int
    prefix: str
    max_pieces: int

    def sources(
        self, texts: Sequence[str], source: str, target: str, hints: Sequence[str] | None = None, *, synthetic: bool = False
    ) -> list[Pieces]:  # fmt: skip
        """Piece ids of texts to be translated, cut at `max_pieces`; a hint stands before its text, the end piece between them.

        The mark of synthetic texts stands before them, where the family has one.
        """
        if not texts:
            return []
        plain = self._marked(texts, source, target)
        if synthetic and (mark := self.mark) is not None:
            lead, room = self.lead, self.max_pieces - 1
            plain = [[*ids[:lead], mark, *ids[lead:-1]][:room] + ids[-1:] for ids in plain]
        if hints is None:
            return plain
        room = self.max_pieces // 2
        return [
            [*ids[: self.lead], *hint[:room], self.end, *ids[self.lead :]][: self.max_pieces] if hint else ids
            for ids, hint in zip(plain, self.plain(hints), strict=True)
        ]

    @property
    def mark(self) -> int | None:
        """What stands before a text that a model wrote (Caswell et al. 2019): a piece that no other source has, as it exists in most
        families. That is a sentinel of T5's, the beginning of a text where sources do not open with it, or the mask. Marian has none.
        """
        tokenizer = self.tokenizer
        known = tokenizer.get_vocab()
        sentinel = next((known[name] for name in sentinels(known)), None)
        opening = tokenizer.bos_token_id if self.marks.source == "own tag" else None
        found = next((piece for piece in (sentinel, opening, tokenizer.mask_token_id) if piece is not None), None)
        return None if found in (self.end, self.pad, self.start) else found

    @property
    def lead(self) -> int:
        """Pieces that stand before every source."""
        return (
            int(self.marks.source == "own tag" or bool(self.tags and self.marks.source == "target tag")) or self._opens
        )

    @property
    def _opens(self) -> int:
        ids = self.tokenizer("a", return_attention_mask=False)["input_ids"]
        return int(ids[0] in (self.tokenizer.bos_token_id, self.tokenizer.cls_token_id))

    def _marked(self, texts: Sequence[str], source: str, target: str) -> list[Pieces]:
        if self.marks.source == "own tag":
            room = self.max_pieces - 2
            return [[self.tags[source], *ids[:room], self.end] for ids in self.plain(texts)]
        words = (
            f"translate {language(source).name} to {language(target).name}: " if self.marks.source == "words" else ""
        )
        inputs = [self.prefix + words + normalise(text) for text in texts]
        room = self.max_pieces - (self.marks.source == "target tag" and target in self.tags)
        encoded = self.tokenizer(inputs, truncation=True, max_length=room, return_attention_mask=False)["input_ids"]
        if self.marks.source == "target tag" and target in self.tags:
            return [[self.tags[target], *ids] for ids in encoded]
        return [list(ids) for ids in encoded]

    def targets(self, texts: Sequence[str], target: str) -> list[Pieces]:
        """Piece ids that are to be written, the end among them, cut at `max_pieces`."""
        opening = self.opening(target)[1:]
        room = self.max_pieces - len(opening) - 1
        return [[*opening, *ids[:room], self.end] for ids in self.plain(texts)] if texts else []

    def opening(self, target: str) -> Pieces:
        """What the decoder is given before it writes."""
        return [self.start, self.tags[target]] if self.marks.forced else [self.start]

    def length(self, text: str) -> int:
        """Pieces of a text."""
        return len(self.plain([text])[0])

    def text(self, ids: Sequence[int]) -> str:
        """What was written, in NFC."""
        written = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return normalise(str(written))

    def plain(self, texts: Sequence[str]) -> list[Pieces]:
        """Piece ids of texts without anything around them."""
        inputs = [normalise(text) for text in texts]
        encoded = self.tokenizer(inputs, add_special_tokens=False, return_attention_mask=False)["input_ids"]
        return [list(ids) for ids in encoded]


def padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and mask, both int64 of shape (rows, longest)."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
    return ids, mask


class Beams(EncoderDecoderCache):
    """What attention keeps. The beams of a source share what was read of it, so only what was written changes places."""

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """After each step: the beams go on from these rows."""
        self.self_attention_cache.reorder_cache(beam_idx)


def search(
    model: Any, wording: Wording, sources: Sequence[Pieces], targets: Sequence[str], decoding: Decoding, accelerator: Accelerator
) -> list[str]:  # fmt: skip
    """The translation of each source into its target language, by beam search over batches of like length."""
    model.eval()
    found = [""] * len(sources)
    budget = max(1, SEARCH_TOKENS // decoding.beams)
    if accelerator.device.type == "cpu":
        budget = min(budget, SOURCE_TOKENS)
    silenced = sorted({wording.pad, *wording.tags.values()})
    with torch.inference_mode(), accelerator.autocast():
        for rows in sorted_batches([len(ids) for ids in sources], budget):
            ids, mask = padded([sources[row] for row in rows], wording.pad, accelerator.device)
            opening = torch.tensor([wording.opening(targets[row]) for row in rows], device=accelerator.device)
            settings = GenerationConfig(  # type: ignore[no-untyped-call]
                num_beams=decoding.beams, do_sample=False, length_penalty=decoding.length_penalty, early_stopping=False,
                no_repeat_ngram_size=decoding.no_repeat,
                max_new_tokens=min(int(decoding.longest * ids.shape[1]) + 10, wording.max_pieces - opening.shape[1]),
                pad_token_id=wording.pad, eos_token_id=wording.end, decoder_start_token_id=wording.start,
                suppress_tokens=silenced, bos_token_id=None, use_cache=True,
            )  # fmt: skip
            written = model.generate(
                input_ids=ids, attention_mask=mask, decoder_input_ids=opening, generation_config=settings,
                past_key_values=Beams(DynamicCache(), DynamicCache()),
            )  # fmt: skip
            for row, line in zip(rows, written[:, opening.shape[1] :].tolist(), strict=True):
                found[row] = wording.text(line)
    return found


class TranslationObjective:
    """Cross-entropy of the target's pieces on train; chrF++ of greedy translations, averaged over directions, on dev.

    While the encoder is frozen it reads every source just once.
    """

    def __init__(
        self, model: Any, wording: Wording, train: Sequence[Pair], dev: Sequence[Pair], accelerator: Accelerator, *,
        label_smoothing: float, epoch_rows: Callable[[int], Sequence[int]], hints: "Hints | None" = None, epochs: int = 1,
        plain: Sequence[Row] = (), denoise: float = 0.0, seed: int = 13,
    ) -> None:  # fmt: skip
        self.model, self.wording, self.accelerator = model, wording, accelerator
        self.label_smoothing, self.seed = label_smoothing, seed
        self.compute = PRECISIONS[accelerator.mixed_precision]
        shown = sorted({number for epoch in range(epochs) for number in epoch_rows(epoch)})
        sources, targets = worded(
            wording, [train[number] for number in shown], hints.of_train(train, shown) if hints else None
        )
        self.sources: list[Pieces] = [[] for _ in train]  # empty where no epoch shows the pair
        self.targets: list[Pieces] = [[] for _ in train]
        for number, source, target in zip(shown, sources, targets, strict=True):
            self.sources[number], self.targets[number] = source, target
        self.pairs = len(train)
        self.rows = with_denoising(epoch_rows, self.pairs, len(plain), denoise, seed)
        for row in plain if denoise else ():
            self.sources += wording.sources([row.fields["text"]], row.language, row.language)
            self.targets += wording.targets([row.fields["text"]], row.language)
        self.lengths = [len(source) + len(target) for source, target in zip(self.sources, self.targets, strict=True)]
        self.dev = _spread(dev, DEV_PAIRS)
        self.dev_sources, _ = worded(wording, self.dev, hints.of(self.dev) if hints else None)
        self.frozen = reads_frozen(model, max((max(ids) for ids in self.sources if ids), default=0))
        self.read: dict[tuple[int, ...], Tensor] = {}
        self.read_bytes, self.epochs = 0, epochs

    def loss(self, rows: Sequence[int], epoch: int) -> Tensor:
        """Mean cross-entropy of the pieces of these training pairs' targets."""
        device, pad = self.accelerator.device, self.wording.pad
        read = [self._source(row, epoch) for row in rows]
        sources, mask = padded(read, pad, device)
        targets, written = padded([self.targets[row] for row in rows], pad, device)
        given = torch.cat([torch.full_like(targets[:, :1], self.wording.start), targets[:, :-1]], dim=1)
        here = written.bool()
        head = self.model.get_output_embeddings()
        with self.accelerator.autocast(), caught(head, here) as states:
            self.model(
                encoder_outputs=BaseModelOutput(last_hidden_state=self._states(read, sources, mask)), attention_mask=mask,
                decoder_input_ids=given, use_cache=False,
            )  # fmt: skip
            (found,) = states
        old, new = (head.old, head.new) if isinstance(head, SplitHead) else (head.weight, None)
        bias = getattr(self.model, "final_logits_bias", None)
        return piece_loss(
            found.to(self.compute), old, new, None if bias is None else bias[0], targets[here], self.label_smoothing
        )

    def score(self) -> float:
        """chrF++ on dev, 0–100."""
        targets = [pair.target.language for pair in self.dev]
        found = search(self.model, self.wording, self.dev_sources, targets, Decoding(beams=1), self.accelerator)
        references = [pair.target.fields["text"] for pair in self.dev]
        return headline(references, found, [pair.direction for pair in self.dev])

    def _source(self, row: int, epoch: int) -> Pieces:
        """What is read for a training row; of a text to be mended, another copy in each epoch."""
        if row < self.pairs:
            return self.sources[row]
        dice = random.Random(f"{self.seed} {row} {epoch}")
        ids, lead = self.sources[row], self.wording.lead
        inner = noised(ids[lead:-1], self.wording.tokenizer.mask_token_id, dice)
        return [*ids[:lead], *inner, ids[-1]]

    def _states(self, read: Sequence[Pieces], sources: Tensor, mask: Tensor) -> Tensor:
        """What the encoder makes of the sources, shape (rows, longest, width)."""
        encoder = self.model.get_encoder()
        if not self.frozen:
            return encoder(input_ids=sources, attention_mask=mask).last_hidden_state  # type: ignore[no-any-return]
        keys = [tuple(ids) for ids in read]
        missing = [number for number, key in enumerate(keys) if key not in self.read]
        fresh: dict[tuple[int, ...], Tensor] = {}
        if missing:
            with torch.no_grad():
                states = encoder(input_ids=sources[missing], attention_mask=mask[missing]).last_hidden_state
            for number, state in zip(missing, states, strict=True):
                fresh[keys[number]] = state[: len(keys[number])].to(self.compute)
            if self.epochs > 1 and self.read_bytes < CACHE_BYTES:
                self.read |= fresh
                self.read_bytes += sum(state.nbytes for state in fresh.values())
        found = [self.read[key] if key in self.read else fresh[key] for key in keys]
        return torch.nn.utils.rnn.pad_sequence(found, batch_first=True).float()


@contextmanager
def caught(head: nn.Module, here: Tensor) -> Iterator[list[Tensor]]:
    """Within it the states that reach the head at the places of this mask are put into the list, and the head makes next to
    no logits: those of padding are never needed, and those of all pieces at all places at once would fill the memory.
    """
    states: list[Tensor] = []

    def catch(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor]:
        states.append(given[0][here])
        return (states[0][:1].detach(),)

    hook = head.register_forward_pre_hook(catch)
    try:
        yield states
    finally:
        hook.remove()


def reads_frozen(model: Any, highest: int) -> bool:
    """Whether nothing that trains is touched when sources with pieces up to this one are read; new rows may be written only."""
    rows = model.get_input_embeddings()
    old = rows.old if isinstance(rows, SplitEmbedding) else rows.weight
    inside = {id(weight) for weight in rows.parameters()}
    layers = [weight for weight in model.get_encoder().parameters() if id(weight) not in inside]
    return highest < len(old) and not old.requires_grad and not any(weight.requires_grad for weight in layers)


def worded(
    wording: Wording, pairs: Sequence[Pair], hints: Sequence[str] | None = None
) -> tuple[list[Pieces], list[Pieces]]:
    """Pieces of every source, behind its hint if there are hints, and of every target."""
    sources: list[Pieces] = [[] for _ in pairs]
    targets: list[Pieces] = [[] for _ in pairs]
    kinds: dict[tuple[str, str, bool], list[int]] = {}
    for number, pair in enumerate(pairs):
        kinds.setdefault((*pair.way, pair.synthetic), []).append(number)
    for (source, target, synthetic), numbers in kinds.items():
        before = None if hints is None else [hints[number] for number in numbers]
        texts = [pairs[number].source.fields["text"] for number in numbers]
        read = wording.sources(texts, source, target, before, synthetic=synthetic)
        written = wording.targets([pairs[number].target.fields["text"] for number in numbers], target)
        for number, left, right in zip(numbers, read, written, strict=True):
            sources[number], targets[number] = left, right
    return sources, targets


@dataclass(frozen=True)
class Hints:
    """Word-by-word translations that are shown to a model with each source; none where a direction has no lexicon."""

    lexicons: Mapping[tuple[str, str], Lexicon]

    def of(self, pairs: Sequence[Pair]) -> list[str]:
        """A hint for each pair's source."""
        return [self.hint(pair.source.fields["text"], *pair.way) for pair in pairs]

    def hint(self, text: str, source: str, target: str) -> str:
        """What the lexicon makes of a text, or nothing."""
        found = self.lexicons.get((source, target))
        return found.translate(text) if found else ""

    def of_train(self, pairs: Sequence[Pair], shown: Sequence[int]) -> list[str]:
        """Hints for those of the lexicons' own pairs that are shown, each without what it taught itself; one in twenty has none,
        so that the model also learns to do without. Synthetic pairs, which come behind the lexicons' own, have none: their sources
        were written with hints, so that a hint would give their texts away.
        """
        seen: dict[tuple[str, str], int] = {}
        places = []
        for pair in pairs:
            seen[pair.way] = seen.get(pair.way, -1) + 1
            places.append(seen[pair.way])
        hints = []
        for number in shown:
            pair = pairs[number]
            found = self.lexicons.get(pair.way)
            withheld = found is None or pair.synthetic or zlib.crc32(pair.id.encode()) % WITHHELD == 0
            text = pair.source.fields["text"]
            hints.append("" if withheld or found is None else found.translate(text, leave=places[number]))
        return hints


def epoch_rows(pairs: Sequence[Pair], temperature: float, cap: int | None, seed: int) -> Callable[[int], Sequence[int]]:
    """The pairs of each epoch: real ones and synthetic ones, each as if they were alone, so that none takes another's turn."""
    kinds = [[number for number, pair in enumerate(pairs) if pair.synthetic is made] for made in (False, True)]

    def rows(epoch: int) -> list[int]:
        return [
            numbers[place]
            for numbers in kinds
            for place in sampled([pairs[number] for number in numbers], temperature, cap, seed, epoch)
        ]

    return rows


def _spread(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """At most so many pairs, the same number of each direction, evenly from all of them."""
    directions: dict[str, list[Pair]] = {}
    for pair in pairs:
        directions.setdefault(pair.direction, []).append(pair)
    share = max(1, most // max(1, len(directions)))
    chosen = []
    for found in directions.values():
        stride = max(1.0, len(found) / share)
        chosen += [found[int(stride * number)] for number in range(min(share, len(found)))]
    return chosen
