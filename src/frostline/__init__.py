"""frostline: from a folder of labelled images to an exported classifier, and scores for any folder.

The names below are the public Python interface. Each is loaded when it is first used, so that
`import frostline` costs nothing; `__init__.pyi` beside this file has their types.
"""

from importlib import import_module

# Where each name lives. Texts, not imports: what a stage's code is does not depend on this list.
_HOMES = {
    "Explanation": "scoring.explanation",
    "Features": "training.features",
    "FrostlineError": "errors",
    "FrozenFeatures": "training.transformer",
    "InputError": "errors",
    "Model": "scoring.model",
    "Project": "project",
    "ScoreJob": "scoring.score",
    "Scores": "scoring.score_table",
    "Table": "table",
    "extract_features": "training.features",
    "open_model": "scoring.model",
    "open_project": "project",
    "score": "scoring.score",
}

__all__ = [
    "Explanation",
    "Features",
    "FrostlineError",
    "FrozenFeatures",
    "InputError",
    "Model",
    "Project",
    "ScoreJob",
    "Scores",
    "Table",
    "__version__",
    "extract_features",
    "open_model",
    "open_project",
    "score",
]


def __getattr__(name: str) -> object:
    """A public name, from its module; AttributeError for any other."""
    if name == "__version__":
        value = _version()
    elif name in _HOMES:
        value = _from_home(name)
    else:
        raise AttributeError(f"module 'frostline' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _from_home(name: str) -> object:
    try:
        return getattr(import_module(f"frostline.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "frostline":
            raise
        reason = f"frostline.{name} needs {package}, not installed here; pip install 'frostline[train]'"
    # Outside of the handler: the missing module is no part of what a user reads.
    raise import_module("frostline.errors").FrostlineError(reason)


def _version() -> str:
    """That of the installed distribution; a copy of the code alone (in an MLflow model) has none."""
    metadata = import_module("importlib.metadata")
    try:
        return str(metadata.version("frostline"))
    except metadata.PackageNotFoundError:
        return "unknown"
