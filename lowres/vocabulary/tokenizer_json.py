"""The contents of a tokenizer.json: tokens, their scores or merges, and the steps before the model."""

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
from transformers import PreTrainedTokenizerBase

from lowres.errors import ModelError, Problem
from lowres.languages.normalisation import normalise
from lowres.models.tokenization import load_tokenizer, tokenizer_facts

WORD_START = "▁"
LONGEST_WORD = 256  # longer words are split for counting: no token is as long, and time and memory stay bounded

Kind = Literal["unigram", "bpe", "wordpiece"]
KINDS: Mapping[str, Kind] = {"Unigram": "unigram", "BPE": "bpe", "WordPiece": "wordpiece"}


@dataclass(frozen=True, repr=False)
class TokenizerJson:
    """The tokens of a tokenizer by id, added tokens included at the ids they had, with NFC as the first normalisation step.

    `scores` are log-probabilities (Unigram only); `merges` are in order of priority (BPE only). `layout` is the rest of the
    tokenizer.json. `stands_for` maps a private-use character to the character it protects (see protected_characters.py).
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
        """Read a transformers tokenizer. Raises ModelError for one whose vocabulary cannot be changed; `why_unchangeable` says why."""
        backend = getattr(tokenizer, "backend_tokenizer", None)
        layout: dict[str, Any] = json.loads(backend.to_str()) if backend is not None else {"model": {"type": ""}}
        kind = KINDS.get(layout["model"]["type"])
        if kind is None:
            raise ModelError(
                Problem(type(tokenizer).__name__, why_unchangeable(tokenizer), "vocabulary: {extend: off, trim: off}")
            )
        model = layout["model"]
        ids = {name: i for i, (name, _) in enumerate(model["vocab"])} if kind == "unigram" else dict(model["vocab"])
        for token in layout["added_tokens"]:
            ids.setdefault(token["content"], token["id"])
        names = _in_order(ids, type(tokenizer).__name__)
        scores = [score for _, score in model["vocab"]] if kind == "unigram" else []
        scores += [min(scores)] * (len(names) - len(scores)) if scores else []
        found = cls(
            kind=kind,
            names=names,
            scores=tuple(scores),
            merges=tuple(_pair(merge) for merge in model.get("merges") or ()),
            special=frozenset(token["content"] for token in layout["added_tokens"] if token["special"]),
            unknown=names[model["unk_id"]] if model.get("unk_id") is not None else model.get("unk_token"),
            layout=_with_nfc(layout),
        )
        if (
            kind == "unigram" and backend is not None and len(model["vocab"]) == len(names)
        ):  # the model is there and need not be built again
            found.__dict__["_bare"] = Tokenizer(backend.model)
        return found

    @classmethod
    def trained(cls, base: "TokenizerJson", tokenizer: Tokenizer) -> "TokenizerJson":
        """The tokens and merges of a newly trained BPE model, with everything else taken from `base`."""
        model = json.loads(tokenizer.to_str())["model"]
        names = tuple(sorted(model["vocab"], key=model["vocab"].__getitem__))
        merges = tuple(_pair(merge) for merge in model["merges"])
        return replace(base, names=names, merges=merges, special=base.special & {*names})

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """The id of each token."""
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def ordinary(self) -> Mapping[str, float]:
        """Every token that is not special, with its score (0 for kinds without scores)."""
        scores = self.scores or (0.0,) * len(self.names)
        return {name: score for name, score in zip(self.names, scores, strict=True) if name not in self.special}

    @property
    def added(self) -> frozenset[str]:
        """The tokens that were added to the model's own, special or not: they are found in a text before anything else."""
        return frozenset(token["content"] for token in self.layout["added_tokens"]) & self.ids.keys()

    @cached_property
    def backend(self) -> Tokenizer:
        """The tokenizer as an object of the `tokenizers` library."""
        return Tokenizer.from_str(json.dumps(self.description(), ensure_ascii=False))

    @cached_property
    def byte_level(self) -> bool:
        """Whether this is byte-level BPE: every byte has a token, so nothing is unknown."""
        stages = [self.layout.get("pre_tokenizer") or {}]
        stages += stages[0].get("pretokenizers", [])
        return any(stage.get("type") == "ByteLevel" for stage in stages)

    @cached_property
    def byte_tokens(self) -> tuple[str, ...]:
        """The tokens <0x00> to <0xFF> that stand in for characters without a token; empty where there is no byte fallback."""
        tokens = tuple(f"<0x{byte:02X}>" for byte in range(256))
        return tokens if self.layout["model"].get("byte_fallback") and self.ids.keys() >= {*tokens} else ()

    def split(self, text: str) -> list[str]:
        """The words of a text after normalisation and pre-tokenisation, each with its word-start symbol; tokens never cross words."""
        cutter = self._stages.pre_tokenizer
        text = self.normalised(normalise(text))
        segments = [part for part, _ in cutter.pre_tokenize_str(text)] if cutter else [text]
        return [word for segment in segments for word in _words(segment)]

    def normalised(self, text: str) -> str:
        """A text after the tokenizer's own normalisation."""
        normalizer = self._stages.normalizer
        return str(normalizer.normalize_str(text)) if normalizer else text

    @cached_property
    def _stages(self) -> Tokenizer:
        """The normaliser and pre-tokeniser without the model, which is quick to build."""
        nothing = {"type": "BPE", "vocab": {}, "merges": []}
        layout = {**self.layout, "model": nothing, "added_tokens": [], "post_processor": None}
        return Tokenizer.from_str(json.dumps(layout, ensure_ascii=False))

    def words(self, texts: Iterable[str]) -> Counter[str]:
        """How often each word, as `split` returns it, occurs in the texts."""
        return Counter(word for text in texts for word in self.split(text))

    def tokenize_words(self, words: Sequence[str]) -> list[list[str]]:
        """The tokens of each word, as `words` returns words; an unknown stretch is returned as it is written."""
        return [encoding.tokens for encoding in self._bare.encode_batch(list(words), add_special_tokens=False)]

    def encode_words(self, words: Sequence[str]) -> list[list[int]]:
        """The token ids of each word; an unknown stretch gets the id of the unknown token."""
        return [encoding.ids for encoding in self._bare.encode_batch(list(words), add_special_tokens=False)]

    @cached_property
    def _bare(self) -> Tokenizer:
        return Tokenizer(_model(self))

    @property
    def unknown_id(self) -> int | None:
        """The id of the unknown token; None where every text can be tokenised."""
        return self.ids.get(self.unknown) if self.unknown and not self.byte_level else None

    def extended(
        self, names: Sequence[str], scores: Sequence[float] = (), merges: Sequence[tuple[str, str]] = ()
    ) -> "TokenizerJson":
        """A copy with new tokens appended, so that no existing id changes."""
        return replace(
            self, names=(*self.names, *names), scores=(*self.scores, *scores), merges=(*self.merges, *merges)
        )

    def pruned(self, ids: Sequence[int]) -> "TokenizerJson":
        """A copy with only these ids, given in ascending order; a merge stays if both parts and their product stay."""
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
        """The contents of the tokenizer.json, ready for json.dumps."""
        written_anew = {"vocab", "merges"}  # half a million merges take a second to copy
        settings = {key: value for key, value in self.layout["model"].items() if key not in written_anew}
        layout = json.loads(json.dumps({**self.layout, "model": settings}))
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
        for role in ("sep", "cls"):  # the post-processors of BERT and RoBERTa hold a token and its id
            named = (layout.get("post_processor") or {}).get(role)
            if named:
                layout["post_processor"][role] = [named[0], self.ids[named[0]]]
        return layout  # type: ignore[no-any-return]

    def tokenizer(self, like: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
        """A transformers tokenizer with these tokens and the settings of `like`.

        Classes that rebuild their backend on loading keep the tokens but drop the NFC step. A plain fast tokenizer therefore
        replaces every class except those that handle language tokens. Raises ModelError if the id of a token changed.
        """
        with TemporaryDirectory() as scratch:
            folder = Path(scratch)
            like.save_pretrained(str(folder))
            (folder / "tokenizer.json").write_text(json.dumps(self.description(), ensure_ascii=False), encoding="utf-8")
            settings_file = folder / "tokenizer_config.json"
            settings = json.loads(settings_file.read_text(encoding="utf-8"))
            settings.pop("added_tokens_decoder", None)
            for listed in ("extra_special_tokens", "additional_special_tokens"):
                if isinstance(settings.get(listed), list):
                    settings[listed] = [name for name in settings[listed] if name in self.ids]
            if not hasattr(like, "src_lang"):
                settings["tokenizer_class"] = "PreTrainedTokenizerFast"
            settings_file.write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
            made = load_tokenizer(folder)
        moved = [name for name, number in self.ids.items() if made.convert_tokens_to_ids(name) != number]
        if moved or len(made) != len(self):
            raise ModelError(
                Problem(
                    type(like).__name__,
                    f"does not keep the ids of its tokens when it is changed (first: {moved[:3]})",
                    "vocabulary: {extend: off, trim: off}",
                )
            )
        return made


def why_unchangeable(tokenizer: PreTrainedTokenizerBase) -> str:
    """The reason why the vocabulary of a tokenizer cannot be changed, to stand after its name in a message."""
    if tokenizer_facts(tokenizer).separate_target:
        return "has a model of tokens for each side, which cannot be fitted to a language: it keeps its vocabulary"
    return "works on bytes or characters: there is no vocabulary to extend or to trim"


def has_subwords(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer has a subword vocabulary that can be changed; byte and character tokenizers have none."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and type(backend.model).__name__ in KINDS


def sentinels(names: Container[str]) -> list[str]:
    """The sentinel tokens of the T5 family (<extra_id_0> and on), in order. mT5 stores them as ordinary tokens with a word start."""
    for start in ("", WORD_START):
        if f"{start}<extra_id_0>" in names:
            return list(takewhile(names.__contains__, (f"{start}<extra_id_{number}>" for number in count())))
    return []


def _in_order(ids: Mapping[str, int], where: str) -> tuple[str, ...]:
    names = tuple(sorted(ids, key=ids.__getitem__))
    if [ids[name] for name in names] != list(range(len(names))):
        raise ModelError(
            Problem(
                where, "has ids without a token, or two tokens with one id", "this tokenizer cannot be changed safely"
            )
        )
    return names


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _with_nfc(layout: dict[str, Any]) -> dict[str, Any]:
    """Put NFC before the normaliser, which otherwise loses combining marks of decomposed text (tokenizers #2116)."""
    first = layout.get("normalizer")
    steps = first["normalizers"] if first and first["type"] == "Sequence" else [first] if first else []
    if not steps or steps[0]["type"] not in ("NFC", "NFD"):  # a tokenizer that decomposes first does so on purpose
        layout["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFC"}, *steps]}
    return layout


def _model(vocab: TokenizerJson) -> models.Model:
    """The model without normaliser and added tokens, so that each word is tokenised exactly as it is."""
    if vocab.kind == "unigram":
        vocabulary = list(zip(vocab.names, vocab.scores, strict=True))
        return models.Unigram(vocabulary, vocab.ids[vocab.unknown] if vocab.unknown else None, bool(vocab.byte_tokens))
    model: models.Model = vocab.backend.model
    return model


def _words(segment: str) -> Iterable[str]:
    """The parts of a segment that begin with the word-start symbol, none longer than LONGEST_WORD."""
    if len(segment) <= LONGEST_WORD and WORD_START not in segment[1:]:
        return (segment,)
    return tuple(_parts(segment))


def _parts(segment: str) -> Iterator[str]:
    starts = [i for i in range(1, len(segment)) if segment[i] == WORD_START and segment[i - 1] != WORD_START]
    for start, stop in zip([0, *starts], [*starts, len(segment)], strict=True):
        for at in range(start, stop, LONGEST_WORD):
            yield segment[at : min(stop, at + LONGEST_WORD)]
