"""The command for what there is to choose from: bases."""

import json as json_format
from dataclasses import asdict

import rich_click as click

from lowres.cli.making import json_option
from lowres.cli.safe_text import echo, echo_json

SHAPES = ("encoder", "encoder-decoder", "decoder")


@click.command()
@click.option(
    "--shape", type=click.Choice(SHAPES), help="Only bases of this shape: encoders are for labels, the others write."
)
@click.option(
    "--language",
    help="Only bases that were trained on this language and script, such as min-Latn, as far as that is known.",
)
@json_option
def bases(shape: str | None, language: str | None, as_json: bool) -> None:
    """List the bases that people use: size, languages, licence, tokenizer, and what each is good for.

    Any checkpoint of these families can be a base, also one that is not listed. docs/bases.md helps to choose.
    """
    from lowres.languages.tags import language as language_of
    from lowres.models.known_bases import BASES

    if language:
        language_of(language)
    found = [
        base
        for base in BASES
        if shape in (None, base.architecture.shape) and (language is None or base.has_seen(language))
    ]
    if as_json:
        rows = [
            {
                **asdict(base),
                "family": base.architecture.family,
                "shape": base.architecture.shape,
                "commercial": not base.non_commercial,
            }
            for base in found
        ]
        echo_json(json_format.dumps(rows, indent=2, ensure_ascii=False))
        return
    for kind in SHAPES:
        ours = [base for base in found if base.architecture.shape == kind]
        if ours:
            echo(f"{kind}s")
        for base in ours:
            size = "size not stated" if base.millions is None else f"{base.millions:,} M"
            known = (
                f"{base.languages:,} language{'s' if base.languages != 1 else ''}"
                if base.languages
                else "languages not stated"
            )
            echo(f"  {base.name}")
            echo(f"      {base.architecture.family}, {size}, {known}, {base.licence or 'licence not stated'}")
            echo(f"      {base.tokenizer}")
            echo(f"      for {base.good_for}")
    unknown = [base.name for base in BASES if shape in (None, base.architecture.shape) and not base.seen]
    if language and unknown:
        echo(f"of {', '.join(unknown)} the table does not say")
