"""Parts of real_annotations.py, one a benchmark."""
