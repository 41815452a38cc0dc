"""Photos: a folder of pictures as entries of a library; its moments, and the pictures that are there twice."""

from photos.jobs import duplicates, ext, index, moments

__all__ = ["duplicates", "ext", "index", "moments"]
