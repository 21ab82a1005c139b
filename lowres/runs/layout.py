"""The names of the files in the folder of a run."""

RECIPE, LOCK, RECORD, REPORT = "recipe.yaml", "recipe.lock", "record.json", "report.html"
PREDICTIONS, LOG, MODEL = "predictions.jsonl", "log.jsonl", "model"
CHECKPOINTS = "checkpoints"
