"""What tells a monitoring system how a job goes: gauges in a file, and pings."""

from etl.monitoring.gauges import RunOutcome, write_lake_gauges, write_run_gauges
from etl.monitoring.ping import Ping

__all__ = ["Ping", "RunOutcome", "write_lake_gauges", "write_run_gauges"]
