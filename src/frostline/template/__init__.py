"""What `frostline init` writes: a project of the user's own, whose files `frostline lock` keeps up to date."""
