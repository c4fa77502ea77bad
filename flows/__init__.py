"""What runs when nobody is there: three recipes for Prefect; their steps are in `frostline.automation.tasks`."""

from frostline import automation

automation.configure()  # before a flow imports Prefect
