"""Exports: a dataset, a part of it or some images in a format of others."""
