"""The only room that knows DVC, and git, which it stands on."""
