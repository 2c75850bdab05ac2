"""Where objects are: S3 buckets and local directories, behind one protocol."""

from etl.store.base import PAGE, Entry, ReadableStore, Store
from etl.store.listed import ListedStore
from etl.store.listing import Stretch, folders_below, list_stretches
from etl.store.location import Location, parse_location
from etl.store.open import open_store
from etl.store.publish import publish
from etl.store.range_file import SequentialFile
from etl.store.requests import Requests, Usage
from etl.store.retry import LOST, compete
from etl.store.s3_session import S3Session

__all__ = [
    "LOST",
    "PAGE",
    "Entry",
    "ListedStore",
    "Location",
    "ReadableStore",
    "Requests",
    "S3Session",
    "SequentialFile",
    "Store",
    "Stretch",
    "Usage",
    "compete",
    "folders_below",
    "list_stretches",
    "open_store",
    "parse_location",
    "publish",
]
