"""Licences: the identifiers of the Hugging Face hub and those of SPDX."""

# fmt: off
_IDENTIFIERS = (
    "Apache-2.0", "MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Unlicense", "Zlib", "WTFPL", "AFL-3.0",
    "Artistic-2.0", "BSL-1.0", "ECL-2.0", "MPL-2.0", "EPL-1.0", "EPL-2.0", "EUPL-1.1", "EUPL-1.2", "GPL-2.0",
    "GPL-3.0", "AGPL-3.0", "LGPL-2.1", "LGPL-3.0", "OFL-1.1", "PostgreSQL", "NCSA", "MS-PL", "LPPL-1.3c", "CC0-1.0",
    "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-2.0",
    "CC-BY-NC-3.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-3.0", "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-2.0",
    "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", "PDDL-1.0", "ODC-By-1.0", "ODbL-1.0", "GFDL-1.3", "CDLA-Permissive-1.0",
    "CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "C-UDA-1.0",
)
# fmt: on
_HUB_SPELLING = {
    "PDDL-1.0": "pddl",
    "ODC-By-1.0": "odc-by",
    "ODbL-1.0": "odbl",
    "GFDL-1.3": "gfdl",
    "C-UDA-1.0": "c-uda",
}

SPDX = {_HUB_SPELLING.get(spdx, spdx.lower()): spdx for spdx in _IDENTIFIERS}
"""The hub's identifier → SPDX."""
