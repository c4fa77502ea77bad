"""frostline: from a folder of labelled images to an exported classifier, and scores for any folder."""

__version__ = "0.1.0"
