"""Images stream through a decoder into full batches, through a network, into rows."""
