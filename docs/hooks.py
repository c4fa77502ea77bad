"""What MkDocs asks for while it builds: references made of the code itself, and the notebook as a page."""

import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

import frostline
from frostline.cli import cli


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A page's text with the placeholders filled in."""
    made: dict[str, Callable[[], Iterator[str]]] = {
        "commands": commands,
        "python": python,
        "notebook": notebook,
    }
    for name, texts in made.items():
        if (placeholder := f"<!-- {name} -->") in markdown:
            markdown = markdown.replace(placeholder, "\n".join(texts()))
    return markdown


def notebook() -> Iterator[str]:
    """The cells of notebook.ipynb but for its title; what goes to a shell is a block of its own."""
    cells = json.loads((Path(__file__).parent / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield re.sub(r"^# .*\n", "", text) + "\n"
            continue
        lines = text.splitlines()
        shell = [line.removeprefix("!") for line in lines if line.startswith("!")]
        code = [line for line in lines if not line.startswith("!")]
        yield from (
            f"```{kind}\n{chr(10).join(part)}\n```\n"
            for kind, part in (("", shell), ("python", code))
            if part
        )


def python() -> Iterator[str]:
    """A directive of mkdocstrings for each public name."""
    for name in sorted(frostline.__all__, key=lambda name: (name[0].isupper(), name)):  # functions first
        if home := frostline._HOMES.get(name):
            yield f"::: frostline.{home}.{name}\n"


def commands(group: click.Group = cli, path: str = "frostline", level: int = 2) -> Iterator[str]:
    """A section for each command, in the order of `frostline --help`."""
    for name, command in group.commands.items():
        words = f"{path} {name}"
        yield f"{'#' * level} {words}\n"
        if isinstance(command, click.Group):
            yield f"{command.help}\n"
            yield from commands(command, words, level + 1)
        else:
            yield from _command(command, words)


def _command(command: click.Command, words: str) -> Iterator[str]:
    context = click.Context(command, info_name=words)
    usage = " ".join([words, *command.collect_usage_pieces(context)])
    yield f"```\n{usage}\n```\n"
    yield f"{_text(command.help or '')}\n"
    options = [each for each in command.params if isinstance(each, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context))]
    if records:
        yield "| option | |\n|:--|:--|"
        yield from (f"| `{names}` | {_cell(text)} |" for names, text in records)
        yield ""
    yield "For example:\n"
    yield f"```\n{_text(command.epilog or '').removeprefix('Example: ')}\n```\n"


def _text(text: str) -> str:
    """Click's help as Markdown: what it must not wrap is a block of code."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(_block(each) for each in paragraphs)


def _block(paragraph: str) -> str:
    if not paragraph.startswith("\b\n"):
        return re.sub(r"(?<!`)\*(?!`)", r"\\*", paragraph)
    head, *lines = paragraph.removeprefix("\b\n").splitlines()
    return "\n".join([head, "", "```", *(line.strip() for line in lines), "```"]) if lines else head


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
