"""What MkDocs asks for while it builds: the reference of commands and of the Python interface, from the code itself."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click

import frostline
from frostline.cli import cli


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A page's text with the placeholders filled in."""
    for placeholder, made in (("<!-- commands -->", commands), ("<!-- python -->", python)):
        if placeholder in markdown:
            markdown = markdown.replace(placeholder, "\n".join(made()))
    return markdown


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
