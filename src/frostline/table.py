"""Rows in named columns, as Arrow holds them; as pandas where that is installed."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from frostline.errors import FrostlineError

if TYPE_CHECKING:
    import pandas as pd


class Table:
    """Rows of one kind: `arrow` is a pyarrow.Table, `to_pandas()` a data frame of the same rows.

    Whatever speaks Arrow's C stream (Polars, DuckDB, pyarrow) takes it as it is.
    """

    def __init__(self, arrow: pa.Table) -> None:
        self._arrow = arrow

    @property
    def arrow(self) -> pa.Table:
        """All rows as a pyarrow.Table."""
        return self._arrow

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self.arrow.column_names)

    def to_pandas(self) -> "pd.DataFrame":
        """All rows as a pandas.DataFrame; FrostlineError where pandas is not installed."""
        if find_spec("pandas") is None:
            raise FrostlineError(
                "to_pandas needs pandas, not installed here; pip install pandas, or use .arrow"
            )
        return self.arrow.to_pandas()

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    def __getitem__(self, column: str) -> Any:
        """One column as a pyarrow.ChunkedArray; KeyError for a name that is none."""
        return self.arrow[column]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Arrow's C stream of the rows (Arrow PyCapsule interface)."""
        return self.arrow.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} rows: {', '.join(self.columns)})"
