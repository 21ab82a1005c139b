"""What a tokenizer.json holds: pieces, their scores or merges, and how text is cut before them."""

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count, takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from lowres.errors import ModelError, Problem
from lowres.languages.normalisation import normalise

WORD_START = "▁"
LONGEST_WORD = 256  # longer ones are cut for counting: nothing learned is as long, and time and memory stay bounded

Kind = Literal["unigram", "bpe", "wordpiece"]
KINDS: Mapping[str, Kind] = {"Unigram": "unigram", "BPE": "bpe", "WordPiece": "wordpiece"}


@dataclass(frozen=True, repr=False)
class TokenizerJson:
    """A tokenizer's pieces by id, special ones folded in at the ids they had, and NFC put before everything.

    `scores` are log-probabilities (Unigram only); `merges` stand in the order in which they fire (BPE only). `layout` is the
    rest of the tokenizer.json. `stands_for` maps a private sign to the letter that it stands for (see letters.py).
    """

    kind: Kind
    names: tuple[str, ...]
    scores: tuple[float, ...]
    merges: tuple[tuple[str, str], ...]
    special: frozenset[str]
    unknown: str | None
    layout: Mapping[str, Any]
    stands_for: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> "TokenizerJson":
        """Read a transformers tokenizer. Raises ModelError for one without pieces (bytes, characters) or with hidden ones (Marian)."""
        backend = getattr(tokenizer, "backend_tokenizer", None)
        layout: dict[str, Any] = json.loads(backend.to_str()) if backend is not None else {"model": {"type": ""}}
        kind = KINDS.get(layout["model"]["type"])
        if kind is None:
            raise ModelError(
                Problem(type(tokenizer).__name__, fixed(tokenizer), "vocabulary: {extend: off, trim: off}")
            )
        model = layout["model"]
        ids = {name: i for i, (name, _) in enumerate(model["vocab"])} if kind == "unigram" else dict(model["vocab"])
        for token in layout["added_tokens"]:
            ids.setdefault(token["content"], token["id"])
        names = _in_order(ids, type(tokenizer).__name__)
        scores = [score for _, score in model["vocab"]] if kind == "unigram" else []
        scores += [min(scores)] * (len(names) - len(scores)) if scores else []
        return cls(
            kind=kind,
            names=names,
            scores=tuple(scores),
            merges=tuple(_pair(merge) for merge in model.get("merges") or ()),
            special=frozenset(token["content"] for token in layout["added_tokens"] if token["special"]),
            unknown=names[model["unk_id"]] if model.get("unk_id") is not None else model.get("unk_token"),
            layout=_with_nfc(layout),
        )

    @classmethod
    def trained(cls, base: "TokenizerJson", tokenizer: Tokenizer) -> "TokenizerJson":
        """The pieces of a freshly trained BPE model in the layout of a base."""
        model = json.loads(tokenizer.to_str())["model"]
        names = tuple(sorted(model["vocab"], key=model["vocab"].__getitem__))
        merges = tuple(_pair(merge) for merge in model["merges"])
        return replace(base, names=names, merges=merges, special=base.special & {*names})

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """Piece → id."""
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def ordinary(self) -> Mapping[str, float]:
        """Pieces that text can be cut into, with their scores (0 where there are none)."""
        scores = self.scores or (0.0,) * len(self.names)
        return {name: score for name, score in zip(self.names, scores, strict=True) if name not in self.special}

    @cached_property
    def backend(self) -> Tokenizer:
        """The tokenizer itself."""
        return Tokenizer.from_str(json.dumps(self.description(), ensure_ascii=False))

    @cached_property
    def byte_level(self) -> bool:
        """Whether every byte has a piece, so that nothing is unknown."""
        stages = [self.layout.get("pre_tokenizer") or {}]
        stages += stages[0].get("pretokenizers", [])
        return any(stage.get("type") == "ByteLevel" for stage in stages)

    def split(self, text: str) -> list[str]:
        """The stretches of a text inside which pieces are sought: words with their mark of a word's start."""
        cutter = self._stages.pre_tokenizer
        text = self.normalised(normalise(text))
        segments = [part for part, _ in cutter.pre_tokenize_str(text)] if cutter else [text]
        return [word for segment in segments for word in _words(segment)]

    def normalised(self, text: str) -> str:
        """A text as the base sees it before it cuts."""
        normalizer = self._stages.normalizer
        return str(normalizer.normalize_str(text)) if normalizer else text

    @cached_property
    def _stages(self) -> Tokenizer:
        """What comes before the model, without the model: quick to make."""
        nothing = {"type": "BPE", "vocab": {}, "merges": []}
        layout = {**self.layout, "model": nothing, "added_tokens": [], "post_processor": None}
        return Tokenizer.from_str(json.dumps(layout, ensure_ascii=False))

    def words(self, texts: Iterable[str]) -> Counter[str]:
        """Counts of the words of texts, as `split` gives them."""
        return Counter(word for text in texts for word in self.split(text))

    def cut(self, words: Sequence[str]) -> list[list[str]]:
        """The pieces of words as `words` gives them; a stretch that is unknown stays as it is written."""
        return [encoding.tokens for encoding in self._cutter.encode_batch(list(words), add_special_tokens=False)]

    def cut_ids(self, words: Sequence[str]) -> list[list[int]]:
        """The ids of the pieces of words; a stretch that is unknown has the id of the unknown piece."""
        return [encoding.ids for encoding in self._cutter.encode_batch(list(words), add_special_tokens=False)]

    @cached_property
    def _cutter(self) -> Tokenizer:
        return Tokenizer(_model(self))

    @property
    def unknown_id(self) -> int | None:
        """Id of the piece that stands for what cannot be written; None where all can."""
        return self.ids.get(self.unknown) if self.unknown and not self.byte_level else None

    def extended(
        self, names: Sequence[str], scores: Sequence[float] = (), merges: Sequence[tuple[str, str]] = ()
    ) -> "TokenizerJson":
        """New pieces behind all others, so that no old id changes."""
        return replace(
            self, names=(*self.names, *names), scores=(*self.scores, *scores), merges=(*self.merges, *merges)
        )

    def kept(self, ids: Sequence[int]) -> "TokenizerJson":
        """Only these ids, ascending; merges stay where their parts and their product do."""
        names = tuple(self.names[i] for i in ids)
        there = set(names)
        return replace(
            self,
            names=names,
            scores=tuple(self.scores[i] for i in ids) if self.scores else (),
            merges=tuple(pair for pair in self.merges if {*pair, "".join(pair)} <= there),
            special=self.special & there,
        )

    def description(self) -> dict[str, Any]:
        """The tokenizer.json."""
        layout = json.loads(json.dumps(self.layout))
        model = layout["model"]
        if self.kind == "unigram":
            model["vocab"] = [[name, score] for name, score in zip(self.names, self.scores, strict=True)]
            model["unk_id"] = self.ids[self.unknown] if self.unknown else None
        else:
            model["vocab"] = dict(self.ids)
            if self.kind == "bpe":
                model["merges"] = [list(pair) for pair in self.merges]
        layout["added_tokens"] = [
            {**token, "id": self.ids[token["content"]]}
            for token in layout["added_tokens"]
            if token["content"] in self.ids
        ]
        layout["added_tokens"].sort(key=lambda token: token["id"])
        for token in ((layout.get("post_processor") or {}).get("special_tokens") or {}).values():
            token["ids"] = [self.ids[name] for name in token["tokens"]]
        for mark in ("sep", "cls"):  # processors of BERT and RoBERTa name a piece and its id
            named = (layout.get("post_processor") or {}).get(mark)
            if named:
                layout["post_processor"][mark] = [named[0], self.ids[named[0]]]
        return layout  # type: ignore[no-any-return]

    def tokenizer(self, like: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
        """A transformers tokenizer over these pieces with the settings of `like`.

        Classes that rebuild their backend on loading keep pieces but drop the NFC step, so an ordinary fast tokenizer is
        made of all that need no class of their own; those that mark languages keep it. Raises ModelError if an id moved.
        """
        with TemporaryDirectory() as scratch:
            folder = Path(scratch)
            like.save_pretrained(str(folder))
            (folder / "tokenizer.json").write_text(json.dumps(self.description(), ensure_ascii=False), encoding="utf-8")
            settings_file = folder / "tokenizer_config.json"
            settings = json.loads(settings_file.read_text(encoding="utf-8"))
            settings.pop("added_tokens_decoder", None)
            if not hasattr(like, "src_lang"):
                settings["tokenizer_class"] = "PreTrainedTokenizerFast"
            settings_file.write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
            made = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
        moved = [name for name, number in self.ids.items() if made.convert_tokens_to_ids(name) != number]
        if moved or len(made) != len(self):
            raise ModelError(
                Problem(
                    type(like).__name__,
                    f"does not keep the ids of its pieces when it is changed (first: {moved[:3]})",
                    "vocabulary: {extend: off, trim: off}",
                )
            )
        return made


def fixed(tokenizer: PreTrainedTokenizerBase) -> str:
    """Why a tokenizer of which no pieces can be read keeps its vocabulary."""
    if hasattr(tokenizer, "spm_files"):  # Marian: two SentencePiece models, and a list that joins them
        return "has a model of pieces for each side, which cannot be fitted to a language: it keeps its vocabulary"
    return "works on bytes or characters: there is no vocabulary to extend or to trim"


def has_subwords(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether there is a vocabulary of pieces that can be changed; models of bytes or characters have none."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and type(backend.model).__name__ in KINDS


def sentinels(names: Container[str]) -> list[str]:
    """The pieces that mark holes in what T5's family reads, in their order. mT5's are ordinary pieces, at the start of a word."""
    for start in ("", WORD_START):
        if f"{start}<extra_id_0>" in names:
            return list(takewhile(names.__contains__, (f"{start}<extra_id_{number}>" for number in count())))
    return []


def _in_order(ids: Mapping[str, int], where: str) -> tuple[str, ...]:
    names = tuple(sorted(ids, key=ids.__getitem__))
    if [ids[name] for name in names] != list(range(len(names))):
        raise ModelError(
            Problem(
                where, "has ids without a piece, or two pieces with one id", "this tokenizer cannot be changed safely"
            )
        )
    return names


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _with_nfc(layout: dict[str, Any]) -> dict[str, Any]:
    """NFC before the normaliser of the base, which loses combining marks of decomposed text (tokenizers #2116)."""
    first = layout.get("normalizer")
    steps = first["normalizers"] if first and first["type"] == "Sequence" else [first] if first else []
    if not steps or steps[0]["type"] not in ("NFC", "NFD"):  # a base that decomposes first means to
        layout["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFC"}, *steps]}
    return layout


def _model(pieces: TokenizerJson) -> models.Model:
    """The bare model, without normaliser and added tokens, so that each word is cut as it is."""
    if pieces.kind == "unigram":
        vocabulary = list(zip(pieces.names, pieces.scores, strict=True))
        return models.Unigram(vocabulary, pieces.ids[pieces.unknown] if pieces.unknown else None, False)
    model: models.Model = pieces.backend.model
    return model


def _words(segment: str) -> Iterable[str]:
    """Parts that begin with the mark of a word's start, none longer than LONGEST_WORD."""
    if len(segment) <= LONGEST_WORD and WORD_START not in segment[1:]:
        return (segment,)
    return tuple(_parts(segment))


def _parts(segment: str) -> Iterator[str]:
    starts = [i for i in range(1, len(segment)) if segment[i] == WORD_START and segment[i - 1] != WORD_START]
    for start, stop in zip([0, *starts], [*starts, len(segment)], strict=True):
        for at in range(start, stop, LONGEST_WORD):
            yield segment[at : min(stop, at + LONGEST_WORD)]
