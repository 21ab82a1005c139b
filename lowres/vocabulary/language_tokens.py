"""Language tokens: those that a base has, and new ones for languages that it does not know."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from tokenizers import AddedToken
from torch import Tensor

from lowres.errors import Finding, ModelError, Problem, nearest
from lowres.languages.codes import OWN, Form, form_of, new_token, token_for
from lowres.models.architectures import LanguageMarking
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.embeddings import NewRows, Tables


@dataclass(frozen=True)
class Tagged:
    """A vocabulary in which every language has its token, by language tag; `tags` is empty for families without such tokens."""

    adapted: Adapted
    tags: Mapping[str, str]


def tag_languages(
    adapted: Adapted, model: Any, language_marking: LanguageMarking, languages: Sequence[str], like: Mapping[str, str]
) -> Tagged:
    """Find the token of every language; a language without one gets a new token.

    A new token starts with the rows of the language that `init_from` names for it, otherwise with the mean of all language
    tokens. `model` is the unmodified base. Raises ModelError where `init_from` names a language that the base does not know.
    """
    tokenizer = adapted.tokenizer
    known = [name for name in tokenizer.get_vocab() if name in tokenizer.get_added_vocab() or name.startswith(">>")]
    form = form_of(known)
    if not language_marking.tags or (form is None and not language_marking.forced):
        return Tagged(adapted, {})
    form = form or OWN
    tags = {tag: token for tag in languages if (token := token_for(tag, known, form))}
    fresh = [tag for tag in languages if tag not in tags]
    tables = Tables.of(model)
    table = tables.inputs[0].weight.detach().float().cpu()
    places = adapted.places if len(adapted.places) else torch.arange(min(len(table), len(tokenizer)))
    own = {name: int(places[tokenizer.convert_tokens_to_ids(name)]) for name in known if re.fullmatch(form.shape, name)}
    starts = [_start(tag, known, form, own, like) for tag in fresh]
    if not fresh:
        return Tagged(adapted, tags)
    names = [new_token(tag, form) for tag in fresh]
    tokenizer.add_tokens([AddedToken(name, special=True, normalized=False) for name in names], special_tokens=True)
    heads = None if tables.head is None or tables.tied else tables.head.weight.detach().float().cpu()
    rows = NewRows(
        torch.cat([adapted.rows.inputs, _means(table, starts)]),
        None if heads is None else torch.cat([_or_none(adapted.rows.head, adapted.rows.inputs), _means(heads, starts)]),
        None if adapted.rows.bias is None else torch.cat([adapted.rows.bias, torch.zeros(len(fresh))]),
    )
    new = torch.arange(len(fresh)) + len(table) + adapted.added
    said = Finding("note", f"the base does not know {', '.join(fresh)}: new language tags {', '.join(names)}")
    grown = replace(adapted, places=torch.cat([places, new]), rows=rows, findings=(*adapted.findings, said))
    return Tagged(grown, tags | dict(zip(fresh, names, strict=True)))


def _start(tag: str, known: Sequence[str], form: Form, own: Mapping[str, int], like: Mapping[str, str]) -> list[int]:
    """The rows of the base whose mean a new language token starts with; empty where the base has no language tokens."""
    if tag not in like:
        return list(own.values())
    token = token_for(like[tag], known, form)
    if token is None:
        hint = " ".join(
            filter(None, [nearest(new_token(like[tag], form), own), f"it has {len(own)}: {', '.join(list(own)[:12])}"])
        )
        raise ModelError(Problem(f"task.init_from.{tag}", f"the base has no tag for {like[tag]}", hint))
    return [own[token]]


def _means(table: Tensor, starts: Sequence[Sequence[int]]) -> Tensor:
    """For each list of rows their mean, or the mean of all rows where the list is empty; shape (starts, width)."""
    return torch.stack([table[list(rows)].mean(0) if rows else table.mean(0) for rows in starts])


def _or_none(head: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if head is None else head
