"""What is wrong with a dataset: every image looked at once, relations between images, findings, a page."""
