"""From a run to files that others can use without lowres."""

from lowres.export.merged import export_merged, mergeable
from lowres.export.usage import adapter_usage

__all__ = ["adapter_usage", "export_merged", "mergeable"]
