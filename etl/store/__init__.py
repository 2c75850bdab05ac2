"""Where objects are: S3 buckets and local directories, behind one protocol."""

from etl.store.base import PAGE, Entry, ReadableStore, Store
from etl.store.listed import ListedStore
from etl.store.listing import Stretch, folders_below, list_stretches
from etl.store.location import Location, parse_location
from etl.store.open import open_store
from etl.store.retry import LOST, compete

__all__ = [
    "LOST",
    "PAGE",
    "Entry",
    "ListedStore",
    "Location",
    "ReadableStore",
    "Store",
    "Stretch",
    "compete",
    "folders_below",
    "list_stretches",
    "open_store",
    "parse_location",
]
