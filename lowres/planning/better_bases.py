"""Whether another known base was trained on a language or script that the chosen one was not, and fits the machine."""

from collections.abc import Sequence

from lowres.errors import Finding
from lowres.models.known_bases import BASES, KnownBase, known_base
from lowres.planning.machine import GIB, Machine
from lowres.planning.plan import Plan

KIN = {  # what a starter was built from
    "starter:encoder": "intfloat/multilingual-e5-small",
    "starter:decoder": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "starter:multilingual-decoder": "google/gemma-3-270m",
}
NAMED = 2  # bases, the smallest first
ROOM = 0.5  # of the memory, which float32 weights may take


def better_bases(plan: Plan, languages: Sequence[str]) -> tuple[Finding, ...]:
    """A note where the table of known bases has one that saw more of the languages; none where the table does not know.

    Where no base saw a language, its script counts. Nothing is said of bases whose languages the table does not list one by one.
    """
    name, shape = plan.checkpoint.over or plan.checkpoint.name, plan.checkpoint.architecture.shape
    chosen = known_base(KIN.get(name, name))
    if chosen is None or not chosen.seen:
        return ()
    unseen = [tag for tag in languages if not chosen.has_seen(tag)]
    others = [base for base in BASES if base.architecture.shape == shape and base.seen and _fits(base, plan.machine)]
    kept = [base for base in others if all(base.has_seen(tag) for tag in languages if tag not in unseen)]
    scripts = {tag.partition("-")[2] for tag in unseen}
    if unseen and (found := [base for base in kept if all(map(base.has_seen, unseen))]):
        what = f"{name} was not trained on {', '.join(unseen)}; of those that lowres bases lists, {_listed(found)} was"
    elif (new := scripts - chosen.scripts) and (found := [base for base in kept if new <= base.scripts]):
        what = f"{name} was trained on no text in the script {', '.join(sorted(new))}; {_listed(found)} was"
    else:
        return ()
    return (Finding("note", f"{what}, and its weights fit this machine", "base.name"),)


def _fits(base: KnownBase, machine: Machine) -> bool:
    return base.millions is not None and base.millions * 4e6 / GIB <= ROOM * machine.memory_gib


def _listed(bases: Sequence[KnownBase]) -> str:
    smallest = sorted(bases, key=lambda base: base.millions or 0)[:NAMED]
    return " or ".join(
        f"{base.name} ({base.millions:,} M, {base.licence or 'licence not stated'})" for base in smallest
    )
