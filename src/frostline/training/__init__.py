"""The frost line: what is frozen is split off, computed once an image, and kept by content."""
