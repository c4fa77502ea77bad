"""Entries of params.yaml put in and taken out as text: comments and everything else stay as they are."""

import re

from frostline.errors import InputError


def added(text: str, section: str, entry: str) -> str:
    """The text of params.yaml with an entry at the end of a section; unchanged where its key is there already.

    InputError where the section has no line of its own.
    """
    key = re.search(r"^  ([a-z0-9][a-z0-9_-]*):", entry, re.M)
    place = _body(text, section)
    if not place or not key:
        raise InputError(f"params.yaml: write `{section}:` on a line of its own, its entries below it")
    start, end = place
    body = text[start:end]
    if re.search(rf"^  {key[1]}:", body, re.M):
        return text
    kept = _without_trailing_remarks(body)
    gap = "\n" if section != "weights" else ""
    return f"{text[:start]}{kept}{gap}{entry}{body[len(kept) :] or ''}{text[end:]}"


def removed(text: str, section: str, name: str) -> str:
    """The text without an entry and the comment lines right above it; unchanged where there is none of that name."""
    place = _body(text, section)
    if not place:
        return text
    start, end = place
    lines = text[start:end].splitlines(keepends=True)
    first = next((row for row, line in enumerate(lines) if re.match(rf"  {re.escape(name)}:", line)), None)
    if first is None:
        return text
    last = first + 1
    while last < len(lines) and (not lines[last].strip() or lines[last].startswith("   ")):
        last += 1
    while not lines[last - 1].strip():  # a blank line belongs to what follows
        last -= 1
    while first and lines[first - 1].startswith("  #"):
        first -= 1
    if first and not lines[first - 1].strip():
        first -= 1
    return text[:start] + "".join(lines[:first] + lines[last:]) + text[end:]


def _body(text: str, section: str) -> tuple[int, int] | None:
    """Where what stands below a section's line begins and ends."""
    start = re.search(rf"^{section}:[ ]*(#.*)?\n", text, re.M)
    if not start:
        return None
    after = re.compile(r"^\S", re.M)
    following = next((m for m in after.finditer(text, start.end()) if text[m.start()] != "#"), None)
    return start.end(), following.start() if following else len(text)


def _without_trailing_remarks(body: str) -> str:
    """A section's body up to its last entry: what follows is said of the next section."""
    lines = body.splitlines(keepends=True)
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    return "".join(lines)
