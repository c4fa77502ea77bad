"""`frostline registry sync`: bring MLflow's runs, pictures and models up to date with the stage outputs."""

from frostline import config
from frostline.tracking import sync


def run() -> None:
    """Sync every classifier of params.yaml and every sweep; the errors of `tracking.sync.run`."""
    sync.run(list(config.load().classifiers))
