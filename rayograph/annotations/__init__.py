"""Annotation files: found, read in a child process, matched with a dataset's images, shown.

``answers`` holds the API's words and is cheap to import; the readers load what they need.
"""
