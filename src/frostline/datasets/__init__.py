"""Datasets: finding images in folders and archives, checking, splitting, and the manifest of it all."""
