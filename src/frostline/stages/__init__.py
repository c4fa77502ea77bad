"""What `dvc repro` runs: each stage reads files, calls the rooms below and writes files."""
