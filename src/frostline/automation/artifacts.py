"""What a run shows on its page in Prefect: tables, pictures, text."""

import re
from typing import Any


def key_of(name: str) -> str:
    """A name as Prefect takes it for a key: lower case, digits, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


def show_table(name: str, rows: list[dict[str, Any]], *, text: str = "") -> None:
    """A table; nothing for no rows."""
    if rows:
        from prefect.artifacts import create_table_artifact

        create_table_artifact(rows, key=key_of(name), description=text or name)


def show_text(name: str, markdown: str) -> None:
    """Markdown; nothing for no text."""
    if markdown:
        from prefect.artifacts import create_markdown_artifact

        create_markdown_artifact(markdown, key=key_of(name))
