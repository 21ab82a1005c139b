"""The steps around the tokens of a SentencePiece model, where a class of transformers 5 does not take them from the files.

Such a class is built anew from the tokens alone, with steps that hold for the first model of its family. What the files say holds
instead: the unknown token and byte fallback, normalisation, and what stands around a text.
"""

import json
import re
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, normalizers, processors

TARGET_TAG = re.compile(r"<2[a-z]{2,3}(?:_[A-Za-z_]+)?>")  # of MADLAD-400: <2id>, <2ms_Arab_BN>
UNASSIGNED = "\u0378"  # a character that no vocabulary has


def restore_steps(tokenizer: Any, folder: Path) -> None:
    """Give the backend of a tokenizer the steps that its files tell: of tokenizer.json, else of the SentencePiece model."""
    backend = tokenizer.backend_tokenizer
    whole = folder / "tokenizer.json"
    if whole.exists():
        if _same_steps(backend, published := Tokenizer.from_file(str(whole))):
            return
        backend.model = published.model
        for step in ("normalizer", "pre_tokenizer", "post_processor"):
            if (found := getattr(published, step)) is not None:
                setattr(backend, step, found)
    else:
        _as_sentencepiece(tokenizer, folder)
    if backend.post_processor is None or tokenizer.cls_token_id is not None:
        _with_ends(tokenizer)


def _same_steps(backend: Tokenizer, published: Tokenizer) -> bool:
    """Whether both do the same to an unknown character, and to one that compatibility normalisation changes."""
    return all(backend.encode(text).ids == published.encode(text).ids for text in (UNASSIGNED, "ﬁ", "Ａ", "a  b"))


def _as_sentencepiece(tokenizer: Any, folder: Path) -> None:
    """The unknown token, byte fallback and normalisation of the SentencePiece model in a folder."""
    from sentencepiece import sentencepiece_model_pb2 as proto

    names = ("spm.model", "sentencepiece.model", "spiece.model")
    file = next((folder / name for name in names if (folder / name).exists()), None)
    if file is None:
        return
    model = proto.ModelProto()  # type: ignore[attr-defined]
    model.ParseFromString(file.read_bytes())
    backend, trained = tokenizer.backend_tokenizer, model.trainer_spec
    [unknown] = backend.model.tokenize(UNASSIGNED)
    if unknown.id != trained.unk_id or trained.byte_fallback:
        vocabulary = json.loads(backend.to_str())["model"]["vocab"]
        backend.model = models.Unigram([tuple(pair) for pair in vocabulary], trained.unk_id, trained.byte_fallback)
    charsmap = model.normalizer_spec.precompiled_charsmap
    if charsmap and "precompiled_charsmap" not in json.dumps(_state(backend.normalizer)):
        rest = [backend.normalizer] if backend.normalizer is not None else []
        backend.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), *rest])


def _state(step: Any) -> Any:
    return json.loads(step.__getstate__()) if step is not None else None


def _with_ends(tokenizer: Any) -> None:
    """The class and separator tokens around a text, where the tokenizer has them and does not put them there."""
    cls, sep = tokenizer.cls_token, tokenizer.sep_token
    if cls is None or sep is None or tokenizer.cls_token_id in tokenizer("a")["input_ids"]:
        return
    ends = [(str(cls), tokenizer.cls_token_id), (str(sep), tokenizer.sep_token_id)]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}", pair=f"{cls} $A {sep} $B:1 {sep}:1", special_tokens=ends
    )


def mark_target_tags(tokenizer: Any) -> None:
    """Make MADLAD-400's tokens of target languages special, so that they are told from text and never pruned."""
    if tokenizer.convert_tokens_to_ids("<2en>") in (None, tokenizer.unk_token_id):
        return
    known = tokenizer.get_vocab()
    tags = sorted((name for name in known if TARGET_TAG.fullmatch(name)), key=known.__getitem__)
    tokenizer.add_tokens([AddedToken(name, special=True, normalized=False) for name in tags], special_tokens=True)
