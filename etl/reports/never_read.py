"""Which objects of an S3 Inventory nobody has read, as far as the records go."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from etl.config import Settings
from etl.errors import UsageError
from etl.query import Database, Result, Scope, matches_any
from etl.resources import bundled
from etl.store import ReadableStore

COLUMNS = (
    *("bucket", "key", "storage_class", "size", "monthly_cost"),
    *("last_modified", "first_record", "last_record"),
)
_GIB = 2**30
_STANDARD = "STANDARD"


def unread_objects(
    store: ReadableStore,
    inventory: pa.Table,
    scope: Scope,
    settings: Settings,
    limit: int | None = None,
) -> Result:
    """The objects of the inventory that no record of the lake's part in `scope` reads, the costliest first (`COLUMNS`).

    `inventory` is what `read_inventory` returns.
    HEAD is no reading; a restore is. `monthly_cost` is that of the storage, by the prices of the settings; NULL for a
    class without one. `first_record` and `last_record` say from when to when there are records of the bucket.

    Raises UsageError for a bucket of the inventory of which there are no records: nobody knows what was read in it.
    """
    sql = (bundled("sql") / "never_read.sql").read_text("utf-8")
    known = Database(store, scope, settings).query(sql, reads_all=True).to_arrow()
    is_bucket = known["key"].is_null()
    periods = known.filter(is_bucket).drop_columns(["key"])
    periods = periods.rename_columns(["bucket", "first_record", "last_record"])
    read = known.filter(pc.invert(is_bucket)).select(["bucket", "key"])
    objects = _in_scope(inventory, scope)
    _refuse_unknown(objects, periods)
    unread = objects.join(read, ["bucket", "key"], join_type="left anti")
    unread = unread.join(periods, ["bucket"])
    unread = unread.append_column("monthly_cost", _monthly_costs(unread, settings))
    return Result(_ranked(unread.select(COLUMNS)).slice(0, limit).to_reader())


def _in_scope(objects: pa.Table, scope: Scope) -> pa.Table:
    is_wanted = matches_any(scope.buckets)
    names = [name for name in _distinct(objects["bucket"]) if is_wanted(name)]
    return objects.filter(pc.is_in(objects["bucket"], pa.array(names, pa.string())))


def _refuse_unknown(objects: pa.Table, periods: pa.Table) -> None:
    known = periods["bucket"].to_pylist()
    unknown = [name for name in _distinct(objects["bucket"]) if name not in known]
    if unknown:
        raise UsageError(
            f"the lake has no records of {', '.join(unknown)}, so nobody knows what was read there; "
            "choose another bucket of the inventory with --bucket, or another period"
        )


def _distinct(column: pa.ChunkedArray) -> Sequence[str]:
    names: list[str] = sorted(column.unique().to_pylist())
    return names


def _monthly_costs(objects: pa.Table, settings: Settings) -> pa.ChunkedArray:
    prices = settings.storage_prices.model_dump()
    classes = pa.array([name.upper() for name in prices])
    price_of_class = pa.array([price / _GIB for price in prices.values()], pa.float64())
    # An inventory may be made without classes; most objects are in this one.
    of_object = objects["storage_class"].fill_null(_STANDARD)
    prices_of_objects = price_of_class.take(pc.index_in(of_object, classes))
    return pc.round(pc.multiply(prices_of_objects, objects["size"].cast(pa.float64())), 6)


def _ranked(objects: pa.Table) -> pa.Table:
    by_cost = [("monthly_cost", "descending"), ("size", "descending")]
    return objects.sort_by([*by_cost, ("bucket", "ascending"), ("key", "ascending")])
