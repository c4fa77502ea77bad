"""Score jobs: where images and model come from, what a row holds, how rows and job are written."""
