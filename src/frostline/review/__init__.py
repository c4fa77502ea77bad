"""What people decide about photos: which to look at, the page where they do, and the same as files."""
