"""Stages and commands: each reads files, calls the libraries below it, and writes files."""
