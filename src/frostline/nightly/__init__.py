"""What work without anybody decides and remembers: whether to retrain, what is new, what to tell."""
