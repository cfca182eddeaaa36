"""Labels by words: classes somebody named, scored from a dataset's vectors, corrected, refined."""
