"""Which network an address of the log is in."""

import pytest

from etl.query.networks import is_in_network


@pytest.mark.parametrize(
    ("address", "network", "is_in"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.8", "192.0.2.7", False),
        ("192.0.2.7", "192.0.2.0/24", True),
        ("192.0.3.7", "192.0.2.0/24", False),
        ("192.0.2.127", "192.0.2.0/25", True),
        ("192.0.2.128", "192.0.2.0/25", False),
        ("2001:db8:1::7", "2001:db8:1::/48", True),
        ("2001:DB8:0001:0:0:0:0:7", "2001:db8:1::7", True),
        ("2001:db8:2::7", "2001:db8:1::/48", False),
        ("::ffff:192.0.2.7", "192.0.2.0/24", True),
        ("192.0.2.7", "::ffff:192.0.2.7", True),
        ("192.0.2.7", "::ffff:192.0.2.7/128", True),
        ("::ffff:c000:207", "::ffff:192.0.2.0/120", True),
        ("192.0.3.7", "::ffff:c000:200/120", False),
        ("192.0.2.7", "192.0.2.99/24", True),
        ("192.0.2.7", "::/0", False),
        ("01.2.3.4", "1.2.3.4", False),
        ("fe80::1%eth0", "fe80::/10", False),
        ("192.0.2.7", "192.0.2.0/33", False),
        ("192.0.2.7", "no network", False),
        ("0123456789abcdef0123456789abcdef", "0.0.0.0/0", False),
        ("", "0.0.0.0/0", False),
        (None, "0.0.0.0/0", False),
    ],
)
def test_networks(address: str | None, network: str, is_in: bool) -> None:
    """Whatever way an address is written; what is none, such as a hash of one, is in no network.

    And what is no network has no address.
    """
    assert is_in_network(address, network) is is_in
