"""Options and arguments that commands share: defaults from the source, paths as they were typed, a cluster."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from frostline import paths
from frostline.errors import InputError


class Option(click.Option):
    """An option that has the default of the function or dataclass it is passed to: there, and only there.

    `source` names it (`commands.classify.run`); its file is read, not imported, and only for help.
    """

    def __init__(self, *args: Any, source: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.source = source

    def get_help_extra(self, ctx: click.Context) -> Any:
        """With the default that the source says, if it is more than none."""
        value = _defaults(self.source).get(str(self.name))
        return super().get_help_extra(ctx) | (
            {} if value is None or value is False else {"default": str(value)}
        )


def option(*names: str, source: str, **kwargs: Any) -> Callable[[Any], Any]:
    """An option whose default is the one that `source` has."""
    return click.option(*names, cls=Option, source=source, **kwargs)


def _defaults(source: str) -> dict[str, Any]:
    """Literal defaults by name, of a function's arguments or a dataclass's fields."""
    module, _, name = source.rpartition(".")
    file = Path(__file__).parents[1].joinpath(*module.split(".")).with_suffix(".py")
    (found,) = (node for node in ast.parse(file.read_text()).body if getattr(node, "name", "") == name)
    if isinstance(found, ast.FunctionDef):
        given = [*found.args.args, *found.args.kwonlyargs]
        missing = len(found.args.args) - len(found.args.defaults)
        values = [None] * missing + [*found.args.defaults, *found.args.kw_defaults]
        pairs = [(argument.arg, value) for argument, value in zip(given, values, strict=True)]
    else:
        fields = [node for node in getattr(found, "body", []) if isinstance(node, ast.AnnAssign)]
        pairs = [(ast.unparse(node.target), node.value) for node in fields]
    return {name: _literal(value) for name, value in pairs}


def _literal(value: ast.expr | None) -> Any:
    """A constant, or the text of a `Path("…")`; None for anything else."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Path":
        value = value.args[0]
    return value.value if isinstance(value, ast.Constant) else None


class Given(click.Path):
    """A path that a user typed, to the file that they mean also once the command works in the project's root."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """As it was typed in the root or outside any project, else absolute."""
        path = Path(str(super().convert(value, param, ctx)))
        return Path.cwd() / path if root_above() else path


def root_above() -> Path | None:
    """The root of the project whose subfolder this is."""
    try:
        here = Path.cwd()
        root = paths.find_root(here)
    except (InputError, OSError):  # OSError: the current folder is gone
        return None
    return None if root == here else root


on_cluster = click.option(
    "--ray-address",
    metavar="ADDRESS",
    help="The cluster: HOST:PORT or auto, else $RAY_ADDRESS, else one of this machine's own.",
)
