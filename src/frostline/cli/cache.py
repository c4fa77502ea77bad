"""`frostline cache`: what it holds, less of it, or a check that it is intact."""

import click

from frostline.cli.app import command, group, run

cache = group(
    "cache", "The cache of features and pixels: what it holds, less of it, a check that it is intact."
)


@command("frostline cache list", of=cache, name="list")
def list_() -> None:
    """List what the cache holds, by network, cut and image size."""
    run("cache", work="show")


@command("frostline cache prune --limit 20GB", of=cache)
@click.option("--limit", help="Keep at most this much, like 20GB; else $FROSTLINE_CACHE_LIMIT.")
@click.option(
    "--unused-days", type=click.FloatRange(min=0), help="Delete what was not used for so many days."
)
def prune(limit: str | None, unused_days: float | None) -> None:
    """Delete what was used least recently."""
    run("cache", work="prune", limit=limit, unused_days=unused_days)


@command("frostline cache verify", of=cache)
def verify() -> None:
    """Compare every file with its checksum; delete and name the damaged ones."""
    run("cache", work="verify")
