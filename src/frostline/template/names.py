"""Names and texts as params.yaml takes them."""

import json
import re
import unicodedata

from ruamel.yaml import YAML


def slug(name: str) -> str:
    """A name as params.yaml, files, DVC's stages and MLflow's models all allow it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9_]+", "-", plain.lower()).strip("-_")[:40] or "photos"
    return name if _is_text(name) else f"photos-{name}"  # `2024` and `null` are no names to YAML


def _is_text(plain: str) -> bool:
    return isinstance(YAML(typ="safe", pure=True).load(plain), str)


def scalar(text: str) -> str:
    """A text as YAML takes it anywhere: in quotes, unless it is a plain word."""
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", text) and _is_text(text)
    return text if plain else json.dumps(text, ensure_ascii=False)
