"""Loading a tokenizer: what its class needs, what cannot be read is refused, and special tokens in texts are text."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast, TokenizersBackend

from lowres.errors import ModelError, Problem
from lowres.models.configuration import is_replaced
from lowres.models.digests import BUILT
from lowres.models.tokenizer_families import TOKENIZERS, TokenizerFacts
from lowres.models.tokenizer_steps import mark_target_tags, restore_steps
from lowres.models.weight_files import read_json

SENTENCEPIECE_CONTROLS = 3  # <unk>, <s> and </s>; fairseq has its own four tokens in their place
T5_SENTINEL = "<extra_id_0>"


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder; code that a checkpoint brings is never run.

    A class in Python over a SentencePiece-BPE model (M2M100) is replaced by a fast tokenizer that gives the same ids. Strings such
    as </s> in a text are tokenised as text. Raises ModelError for a tokenizer that cannot be loaded, or whose language codes are
    missing.
    """
    _refuse_unknown_class(folder)
    tokenizer = _by_its_class(folder)
    facts = tokenizer_facts(tokenizer)
    if facts.language_codes == "added" and not _codes(tokenizer):
        what = "has no language codes: its tokenizer comes from the SentencePiece model alone"
        raise ModelError(Problem(str(folder), what, "add the tokenizer.json that was published with the model"))
    if facts.sentencepiece_bpe:
        tokenizer = _as_fast(tokenizer, folder)
    if facts.rebuilt:
        restore_steps(tokenizer, folder)
    mark_target_tags(tokenizer)
    if tokenizer.pad_token is None:  # as in most decoders: the mask hides padding, so that any token will do
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return read_special_tokens_as_text(tokenizer)


def _by_its_class(folder: Path) -> Any:
    """The tokenizer by the class that belongs to the family, else by the one that its settings name (XLM-R-XL)."""
    settings = folder / "tokenizer_config.json"
    name = str(read_json(settings).get("tokenizer_class") or "") if settings.exists() else ""
    by_itself = not (folder / "config.json").exists() or (folder / BUILT).exists()  # of a saved run, or of a starter
    if name == "TokenizersBackend" and by_itself and (folder / "tokenizer.json").exists():
        kinds: list[Any] = [TokenizersBackend]  # elsewhere transformers goes by the model's family as well
    else:
        from transformers import AutoTokenizer  # loads torch, which an audit has no use for

        kinds = [AutoTokenizer]
    named = getattr(transformers, name.removesuffix("Fast"), None)
    if isinstance(named, type) and issubclass(named, TokenizersBackend) and named is not TokenizersBackend:
        kinds.append(named)
    failed: Exception | None = None
    for kind in kinds:
        try:
            return kind.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError, RuntimeError) as error:
            failed = error
    first = str(failed).strip().partition("\n")[0]
    what = f"has a tokenizer that transformers cannot load: {first or type(failed).__name__}"
    hint = "are all its files there? save it with save_pretrained"
    raise ModelError(Problem(str(folder), what, hint)) from failed


def tokenizer_facts(tokenizer: PreTrainedTokenizerBase) -> TokenizerFacts:
    """The facts of the class of a tokenizer."""
    return TOKENIZERS.get(type(tokenizer).__name__.removesuffix("Fast"), TokenizerFacts())


def read_special_tokens_as_text(tokenizer: Any) -> PreTrainedTokenizerBase:
    """Make special tokens that occur in a text (</s>, <mask>, eng_Latn) be tokenised as any other text; returns the tokenizer.

    `split_special_tokens` is enough where no merge leads to them. In a Unigram vocabulary they are tokens like others and would
    be the best path, so that a step of pre-tokenisation splits them after their first character.
    """
    tokenizer.split_special_tokens = True
    tokenizer.init_kwargs["split_special_tokens"] = True
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or type(backend.model).__name__ != "Unigram":
        return tokenizer  # type: ignore[no-any-return]
    added = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    names = sorted({*map(str, tokenizer.all_special_tokens), *added})
    sentinels = any(backend.token_to_id(name) is not None for name in (T5_SENTINEL, f"▁{T5_SENTINEL}"))
    pattern = _inside([name for name in names if len(name) > 1], sentinels)
    before = [backend.pre_tokenizer] if backend.pre_tokenizer is not None else []
    # the state of the step alone: a description of the whole backend would list every token
    description = "".join(json.dumps(json.loads(step.__getstate__()), ensure_ascii=False) for step in before)
    if pattern and json.dumps(pattern, ensure_ascii=False) not in description:
        step = pre_tokenizers.Split(Regex(pattern), "isolated")
        backend.pre_tokenizer = pre_tokenizers.Sequence([*before, step])
    return tokenizer  # type: ignore[no-any-return]


def _inside(names: Iterable[str], sentinels: bool) -> str:
    """A pattern for the empty places behind the first character of these strings, and of T5's sentinels."""
    rests: dict[str, list[str]] = {}
    for name in names:
        rests.setdefault(name[0], []).append(re.escape(name[1:]))
    if sentinels:
        rests.setdefault("<", []).append(r"extra_id_\d+>")
    return "|".join(f"(?<={re.escape(first)})(?={'|'.join(found)})" for first, found in sorted(rests.items()))


def _refuse_unknown_class(folder: Path) -> None:
    """A class that transformers lacks is only safe to replace where a tokenizer.json says everything."""
    path = folder / "tokenizer_config.json"
    if not path.exists() or (folder / "tokenizer.json").exists():
        return
    name = str(read_json(path).get("tokenizer_class") or "")
    config = folder / "config.json"
    model_type = str(read_json(config).get("model_type")) if config.exists() else ""
    known = hasattr(transformers, name) or hasattr(transformers, name.removesuffix("Fast"))
    if name and not known and not is_replaced(name, model_type):
        what = f"needs the tokenizer class {name}, which transformers does not have"
        raise ModelError(Problem(str(path), what, "choose another base: code that a base brings is never run"))


def _codes(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    return [name for name in tokenizer.get_added_vocab() if re.fullmatch(r"[a-z]{3}_[A-Z][a-z]{3}", name)]


def _as_fast(tokenizer: Any, folder: Path) -> PreTrainedTokenizerBase:
    """M2M100's tokenizer with the same ids: the merges of its SentencePiece model, the ids of vocab.json, the codes behind them."""
    from sentencepiece import sentencepiece_model_pb2 as proto
    from transformers.tokenization_utils_base import generate_merges

    model = proto.ModelProto()  # type: ignore[attr-defined]
    model.ParseFromString(tokenizer.sp_model.serialized_model_proto())
    scores = {piece.piece: piece.score for piece in model.pieces[SENTENCEPIECE_CONTROLS:]}
    vocabulary: dict[str, int] = dict(tokenizer.encoder)
    lacking = [name for name in scores if name not in vocabulary]
    if lacking or model.trainer_spec.model_type != model.trainer_spec.BPE:
        what = (
            f"has a SentencePiece model that does not belong to its vocab.json (first token that lacks: {lacking[:1]})"
        )
        raise ModelError(Problem(str(folder), what, "fetch both files of one model"))
    merges = generate_merges(scores, scores)
    backend = Tokenizer(models.BPE(vocabulary, merges, unk_token=tokenizer.unk_token, fuse_unk=True))
    charsmap = model.normalizer_spec.precompiled_charsmap
    steps = [normalizers.Precompiled(charsmap)] if charsmap else []
    backend.normalizer = normalizers.Sequence([*steps, normalizers.Replace(Regex(" {2,}"), " ")])
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    backend.decoder = decoders.Metaspace()
    roles = {
        role: str(getattr(tokenizer, role))
        for role in ("bos_token", "eos_token", "sep_token", "pad_token", "unk_token")
    }
    special = sorted({*roles.values()}, key=vocabulary.__getitem__)
    codes = sorted(tokenizer.lang_token_to_id, key=tokenizer.lang_token_to_id.__getitem__)
    backend.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in (*special, *codes)])
    language = tokenizer.get_lang_token(tokenizer.src_lang)
    ids = [(name, backend.token_to_id(name)) for name in (language, roles["eos_token"])]
    backend.post_processor = processors.TemplateProcessing(
        single=f"{language} $A {roles['eos_token']}", special_tokens=ids
    )
    kind: Any = PreTrainedTokenizerFast
    made: PreTrainedTokenizerBase = kind(tokenizer_object=backend, model_max_length=tokenizer.model_max_length, **roles)
    moved = [name for name, number in tokenizer.lang_token_to_id.items() if made.convert_tokens_to_ids(name) != number]
    if moved:
        what = f"has ids between its vocab.json and its language codes (first: {moved[0]})"
        raise ModelError(Problem(str(folder), what, "fetch both files of one model"))
    return made
