"""From a run to files that others can use without lowres."""

from lowres.export.formats import export
from lowres.export.merged import export_merged
from lowres.export.usage import adapter_usage, mergeable

__all__ = ["adapter_usage", "export", "export_merged", "mergeable"]
