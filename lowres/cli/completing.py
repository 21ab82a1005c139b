"""What a shell completes beyond commands and files: the names of shipped recipes, and what `lowres explain` knows."""

from click import Context, Parameter
from click.shell_completion import CompletionItem


def recipes(context: Context, parameter: Parameter, begun: str) -> list[CompletionItem]:
    """Shipped recipes whose names begin so, and files."""
    from lowres.recipe.shipped import shipped_recipes

    names = [CompletionItem(name) for name in shipped_recipes() if begun and name.startswith(begun)]
    return names or [CompletionItem(begun, type="file")]


def explained(context: Context, parameter: Parameter, begun: str) -> list[CompletionItem]:
    """Keys of a recipe and words of a report that begin so; words as one argument: small-test."""
    from lowres.cli.explaining import explainable

    return [CompletionItem(name) for name in explainable() if name.startswith(begun)]
