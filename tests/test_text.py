"""Numbers as people read them, by the name of their column."""

from decimal import Decimal

import pytest

from etl.text import column_in_words, header, in_words

READINGS = [
    ("requests", 1234567, "1,234,567"),
    ("count_star()", 12345, "12,345"),
    ("requests", Decimal(12345), "12,345"),
    ("copies_sent", 2.5, "2.5"),
    ("ratio", 2.5e-05, "<0.0001"),
    ("ratio", -2.5e-05, ">-0.0001"),
    ("ratio", 1e20, "100,000,000,000,000,000,000"),
    ("ratio", float("nan"), "nan"),
    # names: digits without marks
    ("http_status", 404, "404"),
    ("account", 404966210149, "404966210149"),
    ("remote_port", 51515, "51515"),
    ('year("time")', 2026, "2026"),
    ("request_id", 12345, "12345"),
    # counts, whatever of
    ("count(DISTINCT account)", 12345, "12,345"),
    ("requests_per_hour", 12345, "12,345"),
    ("without_size", 12345, "12,345"),
    # bytes, in powers of a thousand
    ("bytes_sent", 512, "512 B"),
    ("object_size", 1024, "1.0 kB"),
    ("sum(bytes_sent)", 999_960, "1.0 MB"),
    ("egress_bytes", 51_000_000_000, "51.0 GB"),
    ("bytes_sent", -5_000_000, "-5.0 MB"),
    # prices
    ("cost", 1234.5, "1,234.50"),
    ("cost", 0.5, "0.50"),
    ("request_cost", 0.01234, "0.0123"),
    ("cost", 2.5e-05, "<0.0001"),
    ("cost", 0.0, "0.00"),
    # shares and times
    ("error_percent", 12.345, "12.3%"),
    ("bytes_percent", 0.004, "<0.1%"),
    ("bytes_percent", 0.0, "0.0%"),
    ("p95_minutes", 1500, "25.0 hours"),
    ("total_time", 1234, "1,234 ms"),
    ("first_byte_ms", 5, "5 ms"),
    # beside which a comparison puts those of the period before
    ("p95_minutes_before", 1500, "25.0 hours"),
    ("object_size_change", -2_000, "-2.0 kB"),
    # what is no number
    ("http_status", None, "\u2013"),
    ("account", "012345678901", "012345678901"),
    ("bytes_sent", True, "True"),
]


@pytest.mark.parametrize(("column", "value", "text"), READINGS)
def test_a_number_is_read_by_the_name_of_its_column(column: str, value: object, text: str) -> None:
    """Thousands, units and decimals of what a column is documented to have; also of a query of one's own."""
    assert in_words(column, value) == text


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("lag_minutes", "lag"),
        ("p95_minutes_before", "p95_before"),
        ("max(lag_minutes)", "max(lag)"),
        ("first_byte_ms", "first_byte"),
        ("minutes", "duration"),
        ("ms", "duration"),
        # whose values have no other unit
        ("missing_hours", "missing_hours"),
        ("error_percent", "error_percent"),
        ("total_time", "total_time"),
        ("minutes_per_day", "minutes_per_day"),
    ],
)
def test_a_header_names_no_unit_that_its_values_may_not_have(column: str, name: str) -> None:
    """A lag of 23 hours stands below `lag`, not below `lag_minutes`."""
    assert header(column) == name


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([12.5, 0.0123, Decimal(3), 0.00001, None], ["12.50", "0.01", "3.00", "<0.01", "\u2013"]),
        ([0.5, 0.0123, 0.1, 0.00001], ["0.5000", "0.0123", "0.1000", "<0.0001"]),
        ([0.5, 0.125], ["0.500", "0.125"]),
        ([0.5, 0.0], ["0.50", "0.00"]),
        ([float("nan"), 2], ["nan", "2.00"]),
    ],
)
def test_costs_have_as_many_decimals_as_one_another(values: list[object], texts: list[str]) -> None:
    """So that they can be compared from top to bottom: cents where one of them is 1 or more."""
    assert column_in_words("cost", values) == texts
