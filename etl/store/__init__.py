"""Where objects are: S3 buckets and local directories, behind one protocol."""

from etl.store.base import Entry, ReadableStore, Store
from etl.store.listed import ListedStore
from etl.store.location import Location, parse_location
from etl.store.open import open_store
from etl.store.retry import LOST, compete

__all__ = [
    "LOST",
    "Entry",
    "ListedStore",
    "Location",
    "ReadableStore",
    "Store",
    "compete",
    "open_store",
    "parse_location",
]
