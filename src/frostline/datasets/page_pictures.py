"""Small pictures for a page, as JPEG by content: made once, however often the page is written."""

from collections.abc import Mapping
from importlib.metadata import version

import pyarrow as pa
import pyarrow.compute as pc

from frostline import arrow, paths
from frostline.arrow import ArrowFolder
from frostline.images import DECODE_VERSION

_SCHEMA = pa.schema(
    [("id", pa.binary(32)), ("height", pa.int32()), ("width", pa.int32()), ("jpeg", pa.binary())]
)

Key = tuple[str, int, int]  # SHA-256 of the image in hex, height and width of its picture


class PagePictures:
    """Pictures of one quality in the cache."""

    def __init__(self, *, quality: int) -> None:
        key = {"decode": DECODE_VERSION, "quality": quality, "packages": {"pillow": version("pillow")}}
        self._files = ArrowFolder(arrow.folder_of("pictures", key, cache=paths.cache()), _SCHEMA)

    def find(self, wanted: set[Key]) -> dict[Key, bytes]:
        """Those that were made before."""
        self._files.check(self._files.refresh())
        ids = pa.array(sorted({bytes.fromhex(key[0]) for key in wanted}), pa.binary(32))
        found: dict[Key, bytes] = {}
        for file in self._files.files:
            for row in file.rows.filter(pc.is_in(file.rows["id"], ids)).to_pylist():
                key = (row["id"].hex(), row["height"], row["width"])
                if key in wanted:
                    found[key] = row["jpeg"]
            file.give_back()
        return found

    def add(self, made: Mapping[Key, bytes]) -> None:
        """Keep pictures."""
        if made:
            rows = [(bytes.fromhex(digest), height, width) for digest, height, width in made]
            columns = dict(zip(("id", "height", "width"), zip(*rows, strict=True), strict=True))
            self._files.write(pa.table({**columns, "jpeg": list(made.values())}, schema=_SCHEMA))
