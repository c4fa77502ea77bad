"""Training: a classifier's recipe, its phases on cached features, the loop, and checkpoints to go on from."""
