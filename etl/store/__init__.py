"""Where objects are: S3 buckets and local directories, behind one protocol."""

from etl.store.base import Entry, Store, split_url
from etl.store.open import open_store

__all__ = ["Entry", "Store", "open_store", "split_url"]
