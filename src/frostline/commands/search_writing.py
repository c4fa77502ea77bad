"""What a search leaves: its report as files, its winners in params.yaml, its candidates in MLflow."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from frostline import config, files, paths, tracking
from frostline.commands import search_weights
from frostline.commands.search_plan import Seen
from frostline.commands.search_weights import AtHand
from frostline.config import OnnxWeights, entries
from frostline.errors import shell_command
from frostline.evaluation import learning_curve, search_report, style
from frostline.evaluation.search_report import SearchReport
from frostline.evaluation.study_plots import flat, measured
from frostline.template import chosen as templates
from frostline.tracking import Child, Study
from frostline.training import search_heads
from frostline.training.search_rounds import Round, ScoredHead
from frostline.training.search_thawed import ThawedResult


def write_params(  # noqa: PLR0913  # what was found, and how it is called
    dataset: str,
    picked: dict[str, ScoredHead],
    report: SearchReport,
    hand: Sequence[AtHand],
    *,
    corrected: dict[str, str],
    thawed: ThawedResult | None = None,
) -> None:
    """Put the winners into params.yaml in place of those of an earlier search; the whole is checked first.

    `corrected`: names of weights by those of the description that takes the place of their own; `thawed`: what makes
    the first of those picked better.
    """
    text = config.text()
    for name in (f"{dataset}-search", f"{dataset}-search-best", f"{dataset}-search-thawed"):
        text = entries.removed(text, "classifiers", name)
    known = {one.name: one for one in hand if one.text}
    for by, weights in corrected.items():
        text = search_weights.corrected(text, weights, known[by])
    made = list[templates.Chosen]()
    for name, one in picked.items():
        used = corrected.get(one.trunk.weights, one.trunk.weights)
        if one.trunk.weights in known and used not in corrected.values():
            text = entries.added(text, "weights", known[used].text)
        made.append(_entry(name, dataset, one, used, report))
    made += [_thawed(made[0], dataset, thawed)] if thawed else []
    for chosen in made:
        text = entries.added(text, "classifiers", templates.entry(chosen))
    config.parse(config.plain(text))
    files.write_text(paths.PARAMS, text)


def _thawed(chosen: templates.Chosen, dataset: str, result: ThawedResult) -> templates.Chosen:
    return replace(
        chosen,
        name=f"{dataset}-search-thawed",
        why=f"What `{shell_command('frostline', 'search', dataset)}` chose, with its last block thawed:",
        found=f"{result.line}.",
        freeze=result.freeze,
    )


def _entry(name: str, dataset: str, one: ScoredHead, weights: str, report: SearchReport) -> templates.Chosen:
    on = f"{one.right.mean():.1%} of {len(one.right):,} training and validation photos by cross-validation"
    return templates.Chosen(
        name=name,
        dataset=dataset,
        weights=weights,
        why=report.why(name),
        found=f"{on}, {one.milliseconds:.1f} ms per image.",
        height=one.trunk.height,
        width=one.trunk.width,
        end_at=one.end,
        onnx=isinstance(one.trunk.entry, OnnxWeights),
        kind=one.kind,
        strength=one.strength,
    )


def write(folder: Path, report: SearchReport) -> tuple[Path, ...]:
    """search.html, search.png, search.csv, search.json; learning.png where there is a curve."""
    picture = style.png(search_report.picture(report))
    learning = _learning(report)
    files.write_text(folder / "search.html", search_report.page(report, picture, learning))
    files.write_text(folder / "search.csv", search_report.csv(report))
    files.write_json(folder / "search.json", search_report.record(report))
    pictures = {"search.png": picture, "learning.png": learning}
    for name, content in pictures.items():
        if content:
            with files.writing(folder / name) as temporary:
                temporary.write_bytes(content)
    written = [folder / name for name, content in pictures.items() if content]
    return (*written, folder / "search.csv", folder / "search.html")


def _learning(report: SearchReport) -> bytes:
    """The picture of the curve; nothing without one."""
    if report.curve is None:
        return b""
    name = report.rows[report.chosen].classifier
    return style.png(
        learning_curve.picture(report.curve, title=f"{report.dataset}: what more photos bring {name}")
    )


def thawed_child(one: ScoredHead, result: ThawedResult) -> Child:
    """The chosen network with a block thawed, beside the frozen one on the same photos."""
    figures = {
        **flat("val_accuracy", measured(float(result.right.mean()), images=len(result.right))),
        "val_accuracy_frozen": float(result.frozen.mean()),
        "p_value": result.p,
        "milliseconds": one.milliseconds,
        "megabytes": one.megabytes,
    }
    recipe = {
        **_recipe(one),
        "thawed_above": result.freeze,
        "photos": len(result.right),
        "folds": result.folds,
    }
    return Child(f"{one.name}, thawed above {result.freeze}", recipe, [], figures)


def _recipe(one: ScoredHead) -> dict[str, Any]:
    return {
        "weights": one.trunk.weights,
        "size": f"{one.trunk.height}x{one.trunk.width}",
        "end_at": one.end,
        "head": one.kind,
        search_heads.HYPERPARAMETERS[one.kind]: one.strength,
    }


def to_mlflow(
    dataset: str, last: Round, seen: Seen, pictures: Sequence[Path], more: Sequence[Child] = ()
) -> None:
    """A parent run, and a child for every trunk up to every end, with its best head; then `more`."""
    common = tracking.shared(
        dataset=dataset,
        digest=seen.digest,
        weights={"name": "several", "source": "several"},
        recipe={"photos": len(last.photos.labels)},
    )
    study = Study(
        "search",
        f"{dataset}-search",
        common,
        pictures=tuple(map(str, pictures)),
    )
    best: dict[str, ScoredHead] = {}
    for one in sorted(last.candidates, key=lambda one: (-one.right.mean(), one.loss)):
        best.setdefault(one.name, one)
    with tracking.studying(study) as children:
        for name, one in best.items():
            figures = {
                **flat("val_accuracy", measured(float(one.right.mean()), images=len(one.right))),
                "val_loss": one.loss,
                "milliseconds": one.milliseconds,
                "megabytes": one.megabytes,
            }
            children.append(Child(name, _recipe(one), [], figures))
        children.extend(more)
