"""Language tokens: those that a base has, and new ones for languages that it does not know."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from tokenizers import AddedToken
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lowres.errors import Finding, ModelError, Problem, nearest
from lowres.languages.codes import IRREGULAR, OWN, Form, form_of, new_token, related_tokens, tag_of, token_for
from lowres.models.architectures import LanguageMarking
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.embeddings import NewRows, Tables

AS_MEAN = "starts as the mean of all its language tokens"


@dataclass(frozen=True)
class Tagged:
    """A vocabulary in which every language has its token, by language tag; `tags` is empty for families without such tokens."""

    adapted: Adapted
    tags: Mapping[str, str]


def tag_languages(
    adapted: Adapted, model: Any, language_marking: LanguageMarking, languages: Sequence[str], init_from: Mapping[str, str],
    targets: Sequence[str] = (),
) -> Tagged:  # fmt: skip
    """Find the token of every language; a language without one gets a new token.

    A new token starts with the rows of the language that `init_from` names for it, otherwise with the mean of all language
    tokens. A base for one pair of languages (Marian) has no tokens; it gets some where there are several `targets`, which nothing
    else would tell apart. `model` is the unmodified base. Raises ModelError where `init_from` names a language that the base does
    not know.
    """
    tokenizer = adapted.tokenizer
    known = language_tokens(tokenizer)
    form = form_of(known)
    needed = language_marking.forced or (language_marking.tags and len({*targets}) > 1)
    if not language_marking.tags or (form is None and not needed):
        return Tagged(adapted, {})
    form = form or OWN
    tags = {tag: token for tag in languages if (token := token_for(tag, known, form))}
    fresh = [tag for tag in languages if tag not in tags]
    if not fresh:
        return Tagged(adapted, tags)
    names = [new_token(tag, form) for tag in fresh]
    tables = Tables.of(model)
    table = tables.inputs[0].weight.detach().float().cpu()
    places = adapted.places if len(adapted.places) else torch.arange(min(len(table), len(tokenizer)))
    own = {name: int(places[tokenizer.convert_tokens_to_ids(name)]) for name in known if re.fullmatch(form.shape, name)}
    starts = [_start(tag, form, own, init_from) for tag in fresh]
    tokenizer.add_tokens([AddedToken(name, special=True, normalized=False) for name in names], special_tokens=True)
    heads = None if tables.head is None or tables.tied else tables.head.weight.detach().float().cpu()
    before = adapted.rows.inputs.cpu()
    rows = NewRows(
        torch.cat([before, _means(table, starts)]),
        None if heads is None else torch.cat([_or_zeros(adapted.rows.head, before), _means(heads, starts)]),
        None if adapted.rows.bias is None else torch.cat([adapted.rows.bias.cpu(), torch.zeros(len(fresh))]),
    )
    new = torch.arange(len(fresh)) + len(table) + adapted.added
    return Tagged(
        replace(adapted, places=torch.cat([places, new]), rows=rows), tags | dict(zip(fresh, names, strict=True))
    )


def language_tokens(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The tokens that may stand for languages, in the order of their ids, which is the same in every process."""
    vocabulary, added = tokenizer.get_vocab(), {*tokenizer.get_added_vocab(), *map(str, tokenizer.all_special_tokens)}
    return sorted((name for name in vocabulary if name in added or name.startswith(">>")), key=vocabulary.__getitem__)


def token_findings(known: Sequence[str], tags: Mapping[str, str], init_from: Mapping[str, str]) -> Iterator[Finding]:
    """What a user must know of the language tokens of a run: which are new, and which the base writes otherwise.

    `known` are the language tokens of the untouched base, as `language_tokens` gives them.
    """
    form = form_of(known) or OWN
    alone: list[str] = []
    for tag, token in tags.items():
        near = related_tokens(tag, known, form) if token not in known else []
        if token not in known and tag in init_from:
            said = (
                f"the base has no language token for {tag}: the new token {token} starts like that of {init_from[tag]}"
            )
            yield Finding("note", said, code="language-token")
        elif near:
            relative = tag_of(near[0], form, tag.partition("-")[2])
            what = f"the base has no language token for {tag}: {token} is new and {AS_MEAN}"
            better = f"it knows {', '.join(near)}: task.init_from: {{{tag}: {relative}}} would start like {near[0]}"
            yield Finding("warning", f"{what}; {better}", code="language-token")
        elif token not in known:
            alone.append(tag)
        elif token in IRREGULAR or tag_of(token, form, tag.partition("-")[2]) != tag:
            yield Finding("note", f"{tag}: the base's language token {token} is taken for it")
    if alone:
        listed = " and ".join([", ".join(alone[:-1]), alone[-1]] if alone[1:] else alone)
        each = "the new token" if len(alone) == 1 else "each new token"
        yield Finding("note", f"the base has no language token for {listed}: {each} {AS_MEAN}", code="language-token")


def _start(tag: str, form: Form, own: Mapping[str, int], init_from: Mapping[str, str]) -> list[int]:
    """The rows of the base whose mean a new language token starts with; empty where the base has no language tokens."""
    if tag not in init_from:
        return list(own.values())
    token = token_for(init_from[tag], own, form)
    if token is None:
        close = nearest(new_token(init_from[tag], form), own)
        hint = " ".join(filter(None, [close, f"it has {len(own)}: {', '.join(list(own)[:12])}"]))
        raise ModelError(Problem(f"task.init_from.{tag}", f"the base has no tag for {init_from[tag]}", hint))
    return [own[token]]


def _means(table: Tensor, starts: Iterable[Sequence[int]]) -> Tensor:
    """For each list of rows their mean, or the mean of all rows where the list is empty; shape (starts, width)."""
    return torch.stack([table[list(rows)].mean(0) if rows else table.mean(0) for rows in starts])


def _or_zeros(head: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if head is None else head.cpu()
