"""Errors of YAML syntax in plain words."""

import re

from ruamel.yaml.error import MarkedYAMLError, StringMark
from ruamel.yaml.reader import ReaderError

from lowres.errors import Problem

# If the context says enough, the problem is placed where the bracket, quotation or line began.
_BEGUN = (
    (
        r"flow (sequence|mapping)",
        r"stream end",
        "this bracket is never closed",
        "close it, or put text with brackets in quotes",
    ),
    (
        r"flow sequence",
        r"",
        "this [ is not closed before something else begins",
        "close it with ]; separate with commas",
    ),
    (
        r"flow mapping",
        r"",
        "this { is not closed before something else begins",
        "close it with }; separate with commas",
    ),
    (r"quoted scalar", r"end of stream|document separator", "this quotation is never closed", "add the closing quote"),
    (r"block scalar", r"", "| and > begin a block of lines", "put the text in quotes, or begin it on the next line"),
    (r"simple key", r"", "this line is not “key: value”", "put a space after the colon"),
)
_FOUND = (
    (r"'\\t'", "a tab stands where spaces belong", "indent with spaces"),
    (
        r"sequence entries are not allowed",
        "a list cannot begin on the line of its key",
        "write [a, b], or begin on the next line",
    ),
    (r"mapping keys are not allowed", "a question mark begins a value", "put the text in quotes"),
    (r"alphabetic or numeric character", "* and & have a meaning of their own here", "put the text in quotes"),
    (
        r"URI|expected '!'|tag handle|expected '>'|expected ' '",
        "! has a meaning of its own here",
        "put the text in quotes",
    ),
    (r"unknown escape character", "a backslash before a character that needs none", "write \\\\, or single quotes"),
    (r"expected escape sequence", "an escape is cut short", "write \\\\ for a backslash, or use single quotes"),
    (r"found character .* cannot start", "text cannot begin with this character", "put it in quotes"),
    (r"found '[\]}]'|got '[\]}]'", "a closing bracket without an opening one", "remove it, or put the text in quotes"),
    (r"document start", "this belongs to nothing above it", "indent it like the other keys"),
    (r"expected the node content", "a value is missing before this point", "write one, or put the text in quotes"),
    (r"stream end", "something is missing at the end of the file", "close every bracket and quotation"),
    (r"block end", "this does not fit what stands above it", "indent by the same number of spaces; quote whole values"),
    (r"duplicate|another document", "“---” begins a second document", "one file holds one document"),
)


def broken(error: MarkedYAMLError, text: str, where: str, first_line: int) -> Problem:
    """The problem of a text that is not YAML."""
    context, found = str(error.context or ""), str(error.problem or "")
    for in_context, in_problem, what, hint in _BEGUN:
        if error.context_mark and re.search(in_context, context) and re.search(in_problem, found):
            return Problem(_spot(error.context_mark, where, first_line), what, hint)
    mark = error.problem_mark or error.context_mark
    spot = _spot(mark, where, first_line) if mark else where
    before = text.splitlines()[mark.line][: mark.column] if mark and mark.line < len(text.splitlines()) else ""
    if "mapping values are not allowed" in found:
        if ": " in before:
            return Problem(spot, "a second “: ” on one line", "text with a colon in it goes in quotes")
        return Problem(
            spot, "this line is indented as if it went on with the line above", "begin it below the key above"
        )
    if "block end" in found and before.rstrip().endswith(("'", '"')):
        return Problem(spot, "text goes on after the closing quote", "quote the whole value; inside '…' write '' for '")
    for in_problem, what, hint in _FOUND:
        if re.search(in_problem, found):
            return Problem(spot, what, hint)
    return Problem(spot, f"cannot be read as YAML: {(found or context).splitlines()[0]}")


def unreadable(error: ReaderError, text: str, where: str, first_line: int) -> Problem:
    """The problem of a character that YAML does not allow."""
    before = text[: error.position]
    line, column = before.count("\n") + first_line, len(before) - before.rfind("\n")
    code = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
    return Problem(f"{where}:{line}:{column}", f"the invisible control character U+{code:04X} stands here", "remove it")


def _spot(mark: StringMark, where: str, first_line: int) -> str:
    return f"{where}:{mark.line + first_line}:{mark.column + 1}"
