"""What `frostline init` will make of some photos: by what they are like, or by a recipe; and what it says of that."""

from dataclasses import dataclass
from pathlib import Path

from frostline import config
from frostline.config.backbones import NAMED_SOURCES
from frostline.errors import FrostlineError, InputError
from frostline.files import printable
from frostline.template import names, photos, project, recipe, weights
from frostline.template.photos import Photos
from frostline.template.weights import PretrainedFile


@dataclass(frozen=True)
class InitPlan:
    """What a project is made of: the text of its params.yaml, photos and weights to link by place, and the facts."""

    params: str
    links: dict[Path, Path]  # place in the project → file or folder
    photos: Photos | None = None
    pretrained: PretrainedFile | None = None


def make(  # noqa: PLR0913  # what a person may choose
    folder: Path, data: Path | None, template: str | None, pretrained: str | None, *, cnn: bool, shards: bool
) -> InitPlan:
    """What to make: the sample where there are no photos, else by a recipe, else by what the photos are like."""
    if data is None:
        return InitPlan(project.recipe("sample"), {})
    ending = "" if shards else photos.ending(data)
    if template is not None:
        return _by_template(template, data, ending)
    return _by_facts(folder.absolute().name, data, ending, weights.find(pretrained), cnn=cnn)


def _by_facts(
    name: str, data: Path, ending: str, pretrained: PretrainedFile | None, *, cnn: bool
) -> InitPlan:
    """A recipe that fits the photos and the weights."""
    facts, slug = photos.look(data), names.slug(name)
    path = f"data/{slug}{ending}"
    text = recipe.recipe(slug, facts, path=path, weights=pretrained, cnn=cnn)
    links = {Path(path): data}
    if pretrained and pretrained.file:
        links[Path("pretrained", pretrained.source)] = pretrained.file
    return InitPlan(text, links, facts, pretrained)


def _by_template(template: str, data: Path, ending: str) -> InitPlan:
    """A recipe that somebody wrote, for one dataset: its path is that of the photos."""
    text = project.recipe(template) if template in project.recipes() else config.text(Path(template))
    settings = config.parse(config.plain(text, source=template), source=template)
    if len(settings.datasets) != 1:
        raise InputError(f"{template} holds {len(settings.datasets)} datasets; a project starts with one")
    ((name, dataset),) = settings.datasets.items()
    facts = photos.look(data)
    if dataset.classes and sorted(dataset.classes) != sorted(facts.classes):
        raise InputError(
            f"{template} is for the classes {', '.join(dataset.classes)}; these photos have "
            f"{', '.join(facts.classes)}; leave the recipe out, or set datasets.{name}.classes to null"
        )
    path = str(Path(dataset.path).with_suffix(ending) if ending else dataset.path)
    text = text.replace(f"path: {dataset.path}", f"path: {path}", 1)
    if config.parse(config.plain(text)).datasets[name].path != path:
        raise FrostlineError(f"{template}: write the path of the photos as `path: {dataset.path}`")
    return InitPlan(text, {Path(path): data}, facts)


def findings(plan: InitPlan, *, asked: str | None) -> list[str]:
    """What was seen and chosen, a line each."""
    lines = []
    if plan.photos:
        lines.append(_photos(plan.photos))
        lines += plan.photos.remarks
    settings = config.parse(config.plain(plan.params))
    for name, entry in settings.classifiers.items():
        source = settings.weights[entry.weights]
        kind = (
            "a plain CNN from scratch"
            if source.backbone is None
            else f"the frozen network of {source.source}"
            if source.backbone == config.ONNX
            else f"{source.backbone}, {source.source} weights"
            if source.source in NAMED_SOURCES
            else f"{source.backbone}, weights from {source.source}"
        )
        lines.append(f"classifier {name}: {kind}")
    lines += weights.remarks(plan.pretrained)
    if plan.photos and not any(entry.backbone for entry in settings.weights.values()):
        why = "as asked" if asked else "none are at hand and there is no internet"
        lines.append(
            f"no pretrained weights ({why}): a network from scratch needs more photos and time; "
            "with a weights file: --weights FILE"
        )
    return lines


def _photos(facts: Photos) -> str:
    shown = ", ".join(f"{printable(name)} {count}" for name, count in list(facts.classes.items())[:8])
    more = f" and {len(facts.classes) - 8} more" if len(facts.classes) > 8 else ""
    given = ", ".join(f"{name} {count}" for name, count in facts.splits.items() if name)
    return (
        f"{facts.total} photos in {len(facts.classes)} classes ({shown}{more}); "
        f"{f'splits as given: {given}' if given else 'no splits given: they are drawn'}"
    )
