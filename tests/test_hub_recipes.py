"""The recipes for published translators, end to end: as shipped, but for a tiny checkpoint of the family and a toy language."""

import json
import re
from pathlib import Path

import pytest
from test_methods import FAMILIES
from test_translate_run import TEXTS, toy
from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from lowres.export import export_merged
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run

RECIPES = Path(__file__).parent.parent / "recipes"
BASES = {"nllb-minangkabau": ("m2m_100", ["ind_Latn", "min_Latn"]), "mt5-minangkabau": ("mt5", [])}


@pytest.fixture
def texts(tmp_path: Path) -> str:
    """Toy pairs in place of the recipe's data."""
    cuts = {"train": TEXTS[:61], "dev": TEXTS[61:68], "test": TEXTS[68:]}
    for split, part in cuts.items():
        (tmp_path / f"{split}.ind.txt").write_text("\n".join(part) + "\n", encoding="utf-8")
        (tmp_path / f"{split}.min.txt").write_text("\n".join(map(toy, part)) + "\n", encoding="utf-8")
    files = {split: {"ind-Latn": f"{split}.ind.txt", "min-Latn": f"{split}.min.txt"} for split in cuts}
    return json.dumps({"files": files, "licence": "CC0-1.0", "source": "written for this test"})


@pytest.mark.parametrize("name", BASES)
def test_the_recipe_runs_from_its_file_to_a_merged_checkpoint(
    name: str, texts: str, tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast, options: Options
) -> None:
    family, tags = BASES[name]
    backend = tiny_tokenizer.backend_tokenizer
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend.__class__.from_str(backend.to_str()), bos_token="<s>", eos_token="</s>",
        unk_token="<unk>", pad_token="<pad>",
    )  # fmt: skip
    tokenizer.add_tokens([AddedToken(tag, special=True, normalized=False) for tag in tags], special_tokens=True)
    base = tmp_path / family
    FAMILIES[family][1](len(tokenizer)).save_pretrained(base)
    tokenizer.save_pretrained(str(base))
    shipped = (RECIPES / f"{name}.yaml").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^data: .*$", f"data: {texts}", shipped)
    text = re.sub(r"(?m)^base: .*$", f'base: {{name: "{base}"}}', text)
    text = text.replace("batch_tokens: 2048", "batch_tokens: 2048, max_length: 60").replace("epochs: 20", "epochs: 3")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text + "evaluation: {resamples: 100}\n", encoding="utf-8")
    run = run_recipe(recipe, tmp_path / "run", options=options)
    assert run.record.status == "done" and run.record.primary_metric == "chrF++"
    assert {"phrase table alone", "copy", "word dictionary"} <= {baseline.name for baseline in run.record.baselines}
    found = Run(run.folder, options=options).predict(TEXTS[68:70], source="ind-Latn", target="min-Latn")
    assert [answer.text for answer in found] == TEXTS[68:70]
    assert (export_merged(run) / "model.safetensors").exists()
