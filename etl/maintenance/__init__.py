"""Looking after a lake: status, verification, repair, retention."""

from etl.maintenance.expire import Expired, expire_partitions, parse_age
from etl.maintenance.repair import Repaired, repair_lake
from etl.maintenance.status import Extent, LakeStatus, read_extent, read_status
from etl.maintenance.verify import Verification, verify_lake

__all__ = [
    "Expired",
    "Extent",
    "LakeStatus",
    "Repaired",
    "Verification",
    "expire_partitions",
    "parse_age",
    "read_extent",
    "read_status",
    "repair_lake",
    "verify_lake",
]
