"""Rows by content on disk: what was computed once and is never computed again, listed and pruned."""
