"""Results: arrays in, figures of merit and pictures out. Knows no network, no tracker, no stage."""
