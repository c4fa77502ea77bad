"""Features: images stream through a decoder and a trunk into cached rows, on this machine or a Ray cluster."""
