"""`is_in_network` in SQL, for a file that has no Python: `etl.query.networks` says what it means.

DuckDB puts the text of an argument wherever a function names it, so the functions of functions would become far too
long to be planned: a lambda over a list of one gives what is named often a name.
"""

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

-- A text is an address of IPv4.
CREATE MACRO is_short(address) AS regexp_full_match(
    address, '((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)'
);

-- The 8 digits of an IPv4 address.
CREATE MACRO short_digits(address) AS format(
    '{:02x}{:02x}{:02x}{:02x}',
    split_part(address, '.', 1)::INTEGER,
    split_part(address, '.', 2)::INTEGER,
    split_part(address, '.', 3)::INTEGER,
    split_part(address, '.', 4)::INTEGER
);

-- A text is an address of IPv6, all in groups; `::` stands for at least one of them.
CREATE MACRO is_long(address) AS regexp_full_match(
    lower(address), '([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}'
        || '|(([0-9a-f]{1,4}:)*[0-9a-f]{1,4})?::(([0-9a-f]{1,4}:)*[0-9a-f]{1,4})?'
)
    AND length(long_digits(address)) = 32
    AND (NOT contains(address, '::') OR length(group_digits(replace(address, '::', ':'))) < 32);

-- An IPv6 address in groups: the last two may be written like an address of IPv4.
CREATE MACRO in_groups(address) AS CASE
    WHEN contains(address, ':') AND is_short(split_part(address, ':', -1))
        THEN regexp_replace(address, '[^:]*$', '')
            || regexp_replace(short_digits(split_part(address, ':', -1)), '(.{4})', '\1:')
    ELSE address
END;

-- The 8 or 32 digits (hexadecimal) of an address; 8 where IPv6's form only wraps one of IPv4. NULL for other texts.
CREATE MACRO address_digits(address) AS CASE
    WHEN is_short(address) THEN short_digits(address)
    ELSE list_transform([in_groups(address)], lambda groups: CASE
        WHEN is_long(groups) THEN regexp_replace(long_digits(groups), '^0{20}ffff', '')
    END)[1]
END;

-- How many bits the addresses of a network share: all of a single address; NULL where the text is no number of bits.
CREATE MACRO network_bits(network, digits) AS CASE
    WHEN NOT contains(network, '/') THEN 4 * length(digits)
    WHEN NOT regexp_full_match(substr(network, instr(network, '/') + 1), '\d{1,3}') THEN NULL
    -- Of IPv6, and wraps an address of IPv4.
    WHEN contains(network, ':') AND length(digits) = 8 THEN split_part(network, '/', 2)::INTEGER - 96
    ELSE split_part(network, '/', 2)::INTEGER
END;

-- The first bits of a text of hexadecimal digits: whole digits, and what is left of the next.
CREATE MACRO first_bits(digits, bits) AS left(digits, bits // 4)
    || '.' || ((instr('0123456789abcdef', substr(digits, bits // 4 + 1, 1)) - 1) >> (4 - bits % 4));

-- The digits of an address and those of a network, with this number of bits, have the first bits in common.
CREATE MACRO share_bits(digits, network, bits) AS length(digits) = length(network)
    AND bits BETWEEN 0 AND 4 * length(network)
    AND first_bits(digits, bits) = first_bits(network, bits);

-- An address of the log is in a network; what is no address, such as a hash of one, is in none.
CREATE MACRO is_in_network(address, network) AS coalesce(
    list_transform(
        [{'one': address_digits(address), 'all': address_digits(split_part(network, '/', 1))}],
        lambda digits: share_bits(digits.one, digits.all, network_bits(network, digits.all))
    )[1],
    false
);
"""
