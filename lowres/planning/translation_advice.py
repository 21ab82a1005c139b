"""Whether texts that a base does not know could be read together with translations into a language that it knows."""

from lowres.data.corpus import Corpus
from lowres.errors import Finding
from lowres.models.known_bases import known_base
from lowres.planning.better_bases import KIN
from lowres.planning.plan import Plan
from lowres.planning.recipe_rules import translated_languages
from lowres.recipe.task_section import Classification


def translation_advice(plan: Plan, corpus: Corpus) -> tuple[Finding, ...]:
    """A note on task.translate_into where rows are translations of each other, and the base was trained on some of their languages.

    Nothing is said of bases whose languages the table does not list one by one.
    """
    task, base = plan.recipe.task, plan.checkpoint.over or plan.checkpoint.name
    known = known_base(KIN.get(base, base))
    if not isinstance(task, Classification) or task.translate_into or plan.checkpoint.architecture.shape != "encoder":
        return ()
    if known is None or not known.seen:
        return ()
    languages = dict.fromkeys(row.language for row in corpus.train)
    helped = {
        tag: [one for one in translated_languages(tag, corpus) if not known.has_seen(one)]
        for tag in languages
        if known.has_seen(tag)
    }
    into = [tag for tag, some in helped.items() if some]
    if not into:
        return ()
    unseen = helped[into[0]]
    listed = ", ".join(unseen[:3]) + (f" and {len(unseen) - 3} more" if unseen[3:] else "")
    named = " or ".join([", ".join(into[:-1]), into[-1]] if into[1:] else into)
    what = f"{base} was not trained on {listed}, but these rows are translated into {named}, whichever it knows best"
    return (Finding("note", f"{what}: name that as task.translate_into, and it reads both", "task.translate_into"),)
