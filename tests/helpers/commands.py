"""The command line as tests see it: every command by the words that call it."""

import click

from frostline import cli


def leaves(group: click.Group = cli.cli, before: str = "") -> dict[str, click.Command]:
    """Commands that do something, by name: `score`, `net describe`."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= leaves(command, f"{before}{name} ")
        else:
            found[before + name] = command
    return found
