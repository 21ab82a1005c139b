"""The pieces that stand for languages: those that a base has, and new ones for languages that it does not know."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from tokenizers import AddedToken
from torch import Tensor

from lowres.errors import Finding, ModelError, Problem, nearest
from lowres.languages.codes import OWN, Form, form_of, language_token, new_language_token
from lowres.models.architectures import LanguageMarking
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.embeddings import NewRows, Tables


@dataclass(frozen=True)
class Tagged:
    """A vocabulary in which every language has its piece; `tags` is empty for families that have none."""

    adapted: Adapted
    tags: Mapping[str, str]


def tag_languages(
    adapted: Adapted, model: Any, language_marking: LanguageMarking, languages: Sequence[str], like: Mapping[str, str]
) -> Tagged:
    """Find the piece of every language; a language without one gets a new piece.

    Its rows start as those of the language that `like` names for it, else as the mean of all languages' rows. The model is the
    base, still untouched. Raises ModelError where `like` names a language that the base does not know.
    """
    tokenizer = adapted.tokenizer
    known = [name for name in tokenizer.get_vocab() if name in tokenizer.get_added_vocab() or name.startswith(">>")]
    form = form_of(known)
    if not language_marking.tags or (form is None and not language_marking.forced):
        return Tagged(adapted, {})
    form = form or OWN
    tags = {tag: piece for tag in languages if (piece := language_token(tag, known, form))}
    fresh = [tag for tag in languages if tag not in tags]
    tables = Tables.of(model)
    table = tables.inputs[0].weight.detach().float().cpu()
    places = adapted.places if len(adapted.places) else torch.arange(min(len(table), len(tokenizer)))
    own = {name: int(places[tokenizer.convert_tokens_to_ids(name)]) for name in known if re.fullmatch(form.shape, name)}
    starts = [_start(tag, known, form, own, like) for tag in fresh]
    if not fresh:
        return Tagged(adapted, tags)
    names = [new_language_token(tag, form) for tag in fresh]
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
    """Rows of the base whose mean a new tag starts as; none where the base names no language."""
    if tag not in like:
        return list(own.values())
    piece = language_token(like[tag], known, form)
    if piece is None:
        hint = " ".join(
            filter(
                None,
                [nearest(new_language_token(like[tag], form), own), f"it has {len(own)}: {', '.join(list(own)[:12])}"],
            )
        )
        raise ModelError(Problem(f"task.init_from.{tag}", f"the base has no tag for {like[tag]}", hint))
    return [own[piece]]


def _means(table: Tensor, starts: Sequence[Sequence[int]]) -> Tensor:
    """The mean of the named rows, or, where none is named, of all rows, shape (starts, width)."""
    return torch.stack([table[list(rows)].mean(0) if rows else table.mean(0) for rows in starts])


def _or_none(head: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if head is None else head
