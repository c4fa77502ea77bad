"""A whole source at once in Python: what `frostline score` does, in memory or into a file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, overload

import pyarrow as pa
import pyarrow.compute as pc

from frostline.errors import InputError
from frostline.scoring import job_runner as jobs
from frostline.scoring import score_reader, sources
from frostline.scoring.model import Device, Location, Precision, open_model
from frostline.scoring.plan import Options
from frostline.scoring.rows import schema
from frostline.scoring.score_table import Scores


@dataclass(frozen=True)
class ScoreJob:
    """A finished score job: its output file, and `values`, what the JSON file beside it says.

    `values` holds the model, counts, where and how fast it ran, and the drift where it was asked for.
    """

    out: Path
    values: dict[str, Any]

    @cached_property
    def scores(self) -> Scores:
        """All rows, read from the file when first asked for."""
        contract, options = self.values["model"]["contract"], self.values["options"]
        asked = {"features": options["features"], "drift": options["drift"]}
        sets = options.get("coverage") is not None
        wanted = schema(**asked, unknown=self._tells_unknown, prediction_set=sets)
        tables = [
            _with_nulls(table) for table in score_reader.tables(self.out, wanted.names, needed=("path",))
        ]
        whole = pa.concat_tables(tables) if tables else wanted.empty_table()
        return Scores(whole, classes=contract["classes"], note=self.values["note"])

    @property
    def _tells_unknown(self) -> bool:
        """Whether its rows have the column; a job file of before says nothing."""
        return bool(self.values["model"].get("tells_unknown"))


def _with_nulls(table: pa.Table) -> pa.Table:
    """CSV has no null: no text where the others have none."""
    for name in ("error", "label"):
        column = table[name]
        missing = pa.nulls(len(column), pa.string())
        place = table.column_names.index(name)
        table = table.set_column(
            place, table.schema.field(name), pc.if_else(pc.equal(column, ""), missing, column)
        )
    return table


class OpenOptions(TypedDict, total=False):
    """How a model runs; see `open_model`."""

    device: Device
    precision: Precision
    batch_size: int | None
    threads: int | None
    contract: Location | None


class ScoreOptions(OpenOptions, total=False):
    """How a source is scored into a file, as the options of `frostline score`."""

    top_k: int
    min_confidence: float
    unknown: float | None
    coverage: float | None
    features: bool
    keep_features: bool
    drift: bool
    page: bool
    escape_formulas: bool
    engine: Literal["local", "ray"]
    ray_address: str | None
    resume: bool


@overload
def score(
    source: Location | Sequence[Location],
    *,
    model: Location,
    out: None = None,
    top_k: int = 5,
    min_confidence: float = 0.0,
    unknown: float | None = None,
    coverage: float | None = None,
    **options: Unpack[OpenOptions],
) -> Scores: ...


@overload
def score(
    source: Location | Sequence[Location], *, model: Location, out: Location, **options: Unpack[ScoreOptions]
) -> ScoreJob: ...


def score(
    source: Location | Sequence[Location], *, model: Location, out: Location | None = None, **options: Any
) -> Scores | ScoreJob:
    """Score a source as `frostline score` does, without printing; into a file where `out` names one.

    `source`: a folder, an archive, an image, a pattern, an address (`s3://…`), `@FILE` for a file of paths, or
    several of these. Without `out` the rows are held in memory; `options` are those of `open_model` and of
    its `predict`. With `out`, a .parquet, .jsonl or .csv file, they are written as the command writes them,
    safe against interruption (`resume`), with a JSON file beside them, and `options` are all of the command's
    but limits: `drift` is measured, never an error.

    InputError for what was given wrongly, before work begins; FrostlineError when, with `out`, not one image
    could be scored.
    """
    words = [os.fspath(word) for word in ([source] if isinstance(source, str | os.PathLike) else source)]
    if out is None:
        return _held(words, model, **options)
    if (contract := options.pop("contract", None)) is not None:
        options["contract"] = Path(contract)
    values = jobs.run(words, model=os.fspath(model), out=Path(out), **options)
    return ScoreJob(Path(out), values)


def _held(  # noqa: PLR0913  # as `Model.predict`
    words: Sequence[str],
    model: Location,
    *,
    top_k: int = 5,
    min_confidence: float = 0.0,
    unknown: float | None = None,
    coverage: float | None = None,
    **options: Any,
) -> Scores:
    if wrong := sorted(options.keys() - OpenOptions.__annotations__.keys()):
        raise InputError(f"{', '.join(wrong)}: only with out, the file that is written")
    asked = Options(top_k=top_k, min_confidence=min_confidence, unknown=unknown, coverage=coverage)
    with open_model(model, **options) as opened:
        return opened.score(sources.open_images(words), asked)
