"""Locates an error of pydantic in the user's file and in the recipe format."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from lowres.recipe.strict import Document, Key

KIND = "kind"  # the discriminator of a union
_MISTAKEN = ("string_type", "tuple_type", "int_type", "float_type", "bool_type", "dict_type", "model_type")


@dataclass(frozen=True)
class Fault:
    """One error: the path in the file, what was found there, and what the format declares for it.

    `format` is the annotation at the path, `field` its field, `section` the model to which the last key belongs. `union` is the
    path of the untagged union that the error came from, if any. `of_key`: the key itself is wrong, not its value.
    """

    error: str
    message: str
    context: dict[str, Any]
    found: object
    written: str
    path: Key
    format: object
    field: FieldInfo | None
    section: type[BaseModel] | None
    union: Key | None
    of_key: bool

    @property
    def mistaken(self) -> bool:
        """Whether the error is only that the value has the wrong type."""
        return self.error in _MISTAKEN


def locate(details: ErrorDetails, model: type[BaseModel], document: Document) -> Fault:
    """The error with its path in the file. Pydantic's `loc` also names members of unions, which the file does not."""
    here: object = model
    around: object = None
    path: Key = ()
    field = section = union = None
    of_key = details["type"] == "extra_forbidden"
    for part in details["loc"]:
        here = plain(here)
        if part == "[key]" and get_origin(around) is dict:  # the key itself is at fault; its name has gone before
            here, of_key = get_args(around)[0], True
            continue
        if some := members(here):
            union = path if not any(map(tags, some)) else union
            here = next((member for member in some if _is_named(member, str(part))), some[0])
            continue
        path, around = (*path, part), here
        section = here if isinstance(here, type) and issubclass(here, BaseModel) else None
        field = section.model_fields.get(str(part)) if section else None
        here = field.annotation if field else (get_args(here) or (None,))[-1 if get_origin(here) is dict else 0]
    found = details["input"]
    if details["type"] in ("union_tag_invalid", "union_tag_not_found"):
        path = (*path, KIND)
        found = found.get(KIND) if isinstance(found, dict) else found
    return Fault(
        details["type"], details["msg"], details.get("ctx", {}), found, document.written.get(path, ""),
        path, plain(here), field, section, union, of_key,
    )  # fmt: skip


def meant(faults: Sequence[Fault]) -> list[Fault]:
    """The errors without those of union members that the file does not mean.

    Left out as well: a list that is “too short” only because some of its items are wrong; pydantic counts only the valid ones.
    """
    deeper = {fault.union for fault in faults if fault.union is not None and not _is_whole(fault)}
    inside = {fault.path[:length] for fault in faults for length in range(len(fault.path))}
    return [
        fault
        for fault in faults
        if not (_is_whole(fault) and fault.union in deeper)
        and not (fault.error == "too_short" and fault.path in inside)
    ]


def alternatives(fault: Fault, faults: Sequence[Fault]) -> list[Fault]:
    """This fault, and those of the other union members that the same value may have been meant for."""
    same = [other for other in faults if _is_whole(other) and other.union == fault.union]
    return same if _is_whole(fault) else [fault]


def _is_whole(fault: Fault) -> bool:
    """Whether a value as a whole has another type than the union's member."""
    return fault.union is not None and fault.union == fault.path and fault.mistaken


def plain(annotation: object) -> object:
    """The annotation without Annotated and without None."""
    if get_origin(annotation) is Annotated:
        return plain(get_args(annotation)[0])
    some = [part for part in get_args(annotation) if part is not type(None)]
    is_optional = type(None) in get_args(annotation)
    return plain(some[0]) if is_optional and len(some) == 1 else annotation


def members(annotation: object) -> tuple[object, ...]:
    """The members of a union, with their tags; empty for any other annotation."""
    annotation = plain(annotation)
    if get_origin(annotation) in (None, Literal, dict, tuple, list):
        return ()
    return tuple(part for part in get_args(annotation) if part is not type(None))


def tags(member: object) -> tuple[str, ...]:
    """What distinguishes a member of a union from the others: its Tag, or the values of its `kind`."""
    named = [part.tag for part in get_args(member)[1:] if isinstance(part, Tag)]
    bare = plain(member)
    if named or not (isinstance(bare, type) and issubclass(bare, BaseModel)):
        return tuple(named)
    kind = bare.model_fields.get(KIND)
    return tuple(map(str, get_args(kind.annotation))) if kind else ()


def sections(annotation: object) -> tuple[type[BaseModel], ...]:
    """The sections (models) that an annotation allows."""
    found = (plain(member) for member in members(annotation) or (plain(annotation),))
    return tuple(one for one in found if isinstance(one, type) and issubclass(one, BaseModel))


def choices(annotation: object) -> tuple[str, ...]:
    """The words that an annotation allows: the values of a Literal, or the tags of a union; else empty."""
    annotation = plain(annotation)
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    return tuple(tag for member in members(annotation) or (annotation,) for tag in tags(member))


def _is_named(member: object, part: str) -> bool:
    bare = plain(member)
    name = getattr(get_origin(bare) or bare, "__name__", "")
    return part in tags(member) or name == part or name in part.partition("[")[0].split("-")
