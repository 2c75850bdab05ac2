"""`is_in_network` in SQL, for a file that has no Python: `etl.query.networks` says what it means."""

NETWORK_FUNCTIONS = r"""
-- Groups of an IPv6 address, four digits for each: `2001:db8` are 20010db8.
CREATE MACRO group_digits(groups) AS replace(regexp_replace(
    regexp_replace(lower(groups) || ':', '([0-9a-f]{1,4}):', '000\1:', 'g'), '[0-9a-f]{0,3}([0-9a-f]{4}):', '\1', 'g'
), ':', '');

-- The 32 digits of an IPv6 address.
CREATE MACRO long_digits(address) AS group_digits(split_part(address, '::', 1))
    || repeat('0', 32 - length(
        group_digits(split_part(address, '::', 1)) || group_digits(split_part(address, '::', 2))
    ))
    || group_digits(split_part(address, '::', 2));

-- The 8 or 32 digits (hexadecimal) of an address; 8 where IPv6's form only wraps one of IPv4. NULL for other texts.
CREATE MACRO address_digits(address) AS CASE
    WHEN regexp_full_match(address, '(::[fF]{4}:)?((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}') THEN format(
        '{:02x}{:02x}{:02x}{:02x}',
        split_part(split_part(address, ':', -1), '.', 1)::INTEGER,
        split_part(split_part(address, ':', -1), '.', 2)::INTEGER,
        split_part(split_part(address, ':', -1), '.', 3)::INTEGER,
        split_part(split_part(address, ':', -1), '.', 4)::INTEGER
    )
    WHEN regexp_full_match(
        lower(address), '([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}'
            || '|(([0-9a-f]{1,4}:)*[0-9a-f]{1,4})?::(([0-9a-f]{1,4}:)*[0-9a-f]{1,4})?'
    ) AND length(long_digits(address)) = 32
        THEN regexp_replace(long_digits(address), '^0{20}ffff', '')
END;

-- How many bits the addresses of a network share: all of a single address.
CREATE MACRO network_bits(network) AS coalesce(
    try_cast(nullif(split_part(network, '/', 2), '') AS INTEGER), 4 * length(address_digits(network))
);

-- The first bits of a text of hexadecimal digits: whole digits, and what is left of the next.
CREATE MACRO first_bits(digits, bits) AS left(digits, bits // 4)
    || '.' || ((instr('0123456789abcdef', substr(digits, bits // 4 + 1, 1)) - 1) >> (4 - bits % 4));

-- An address of the log is in a network; what is no address, such as a hash of one, is in none.
CREATE MACRO is_in_network(address, network) AS coalesce(
    length(address_digits(address)) = length(address_digits(split_part(network, '/', 1)))
    AND first_bits(address_digits(address), network_bits(network))
        = first_bits(address_digits(split_part(network, '/', 1)), network_bits(network)),
    false
);
"""
