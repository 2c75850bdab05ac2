"""Spark as accesslake finds it running, or starts it: for batches of a run, and for reports."""
