"""What stages leave for each other: predictions, the course of training, and JSON, checked coming and going."""
