"""Which model file a user means: a path, a classifier's name, or a registry address."""

from pathlib import Path

from frostline import paths
from frostline.errors import FrostlineError, InputError, nearest, shell_command
from frostline.files import printable
from frostline.runtime.parts import write_beside

NOTHING_YET = f"none is exported yet: run `dvc repro`, or `dvc pull {paths.model('NAME')}`"


def resolve(model: str, *, parts: bool = False) -> Path:
    """The ONNX file for `--model`; InputError names the nearest that exist.

    A file wins over a classifier of the same name. A name is looked up in the project around the
    current folder; `models:/NAME@alias` is downloaded from MLflow's registry. With `parts` such a model
    gets its trunk and head beside it, which `export` leaves beside others.
    """
    if model.startswith("models:/"):
        from frostline.tracking import download_model  # only here, a scorer may lack MLflow

        path = download_model(model)
        if parts:
            write_beside(path)
        return path
    if _is_file(Path(model)):
        return Path(model)
    if model and _is_file(inside := Path(model) / "model.onnx"):
        raise InputError(f"{printable(model)} is a folder; did you mean {printable(inside)}?")
    if "/" in model or model.endswith(".onnx"):
        raise InputError(f"no model file {printable(model)}; name a model.onnx file or a classifier")
    return _exported(model)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than a file system takes
        return False


def _exported(name: str) -> Path:
    """The exported model of a classifier, below the project's root."""
    try:
        root = paths.find_root(Path.cwd())
    except InputError:
        raise InputError(
            f"no model file {printable(name)}, and no project here whose classifier it could be; name a "
            "model.onnx file, or run this inside a frostline project"
        ) from None
    models = {file.parent.name: file for file in sorted(root.glob(str(paths.model("*") / "model.onnx")))}
    if name in models:
        return models[name]
    if name in {folder.name for folder in root.glob(str(paths.classifier("*")))}:
        again = shell_command("dvc", "repro", f"export@{name}")
        raise InputError(f"{printable(name)} is trained, but not exported; run `{again}`")
    named = _named(root)
    known = [model for model in models if named is None or model in named]
    advice = nearest(name, known) if known else f"; {NOTHING_YET}"
    raise InputError(f"no exported model {printable(name)}{advice}")


def _named(root: Path) -> frozenset[str] | None:
    """The classifiers of params.yaml, for models of deleted ones stay; None where that cannot be told."""
    try:
        from frostline import config  # a scorer may lack what it needs

        return frozenset(config.read(root / paths.PARAMS)["classifiers"])
    except (ModuleNotFoundError, FrostlineError, KeyError, TypeError):
        return None
