"""The ways in which a line can be interpreted from its request URI on, and which of them is taken.

Referrer, user agent and request URI are untrusted text, and S3 writes quotes inside them unescaped. So a line is read
from both ends: the fields before the URI from the left, the fields after the user agent from the right (they hold no
quote, so they follow the line's last quote). What is between splits into URI, result, referrer and user agent where a
result can stand: a quote, then status, error code and four numbers.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter

from etl.parser.grammar import (
    ALL_BARE,
    AUTHENTICATION,
    BARE_AFTER_URI,
    BARE_AGENT,
    BOUNDARY,
    CLOSING,
    CLOSING_OF_18,
    COMPLETE,
    CONTROL_CHARACTER,
    CONTROLS,
    HOST,
    NO_RESULT,
    NUMBERS,
    OPENING,
    PRINCIPAL_ID,
    QUOTES,
    RESULT,
    RESULT_AFTER_BARE_URI,
    RESULT_AFTER_URI,
    RESULT_THEN_TEXT,
    SIGNATURE,
    SPLICED,
    TIME_STAMP,
    TLS,
    TOKENS,
    TRAILING,
    TRAILING_COUNTS,
    TRAILING_FIELDS,
    UNKNOWN_SIGNATURE,
    Note,
    RejectError,
    is_authentication,
    is_host_id,
    is_signature,
    is_tls,
    is_url,
    rounded,
)

# More are not compared: somebody made them, so no number is believed.
_MOST_INTERPRETATIONS = 64
# Places of one kind where the known fields may end, from the left and from the right; somebody made any others.
_MOST_ENDS = 4
_NOTHING_AGREED = (False,) * len(RESULT)
_SIZES = tuple(number for number, one in enumerate(RESULT) if one.largest is not None)
# The largest numbers that their columns hold.
_LIMITS = {number: 2 ** (RESULT[number].type.bit_width - 1) - 1 for number in NUMBERS}
_MOST_DIGITS = 19
# After the last field of a few lines of 2019.
_ODD_END = '";'

Span = tuple[int, int] | None
"""Where a text begins and ends; None where the line has none."""


@dataclass(frozen=True, slots=True)
class Trailing:
    """The fields after the user agent, as logged."""

    text: str
    fields: tuple[str, ...]
    extra: str | None
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Interpretation:
    """One way to read a line from its URI on: by where it has the result, and what follows that.

    Texts are kept as places in `line`, as there may be thousands of interpretations of which one is taken.
    """

    line: str
    result: re.Match[str]
    trailing: Trailing
    uri: Span = None
    referrer: Span = None
    user_agent: Span = None
    between: Span = None
    """What separates referrer and user agent."""
    problem: str | None = None
    """Why this cannot be what S3 wrote, if so."""
    is_only: bool = True
    """Whether there is no other place between referrer and user agent."""

    @property
    def texts(self) -> tuple[str | None, str | None, str | None]:
        """URI, referrer and user agent."""
        uri, referrer, user_agent = (
            self._text(span) for span in (self.uri, self.referrer, self.user_agent)
        )
        return uri, referrer, user_agent

    @property
    def has_unquoted_referrer(self) -> bool:
        return self.referrer is not None and self.line[self.referrer[0] - 1] != '"'

    @property
    def is_spaced(self) -> bool:
        """Whether there are spaces too many outside the quoted fields."""
        parts = (
            self.result[0],
            self._text(self.between),
            self.trailing.text,
            self.trailing.extra,
        )
        return any("  " in part for part in parts if part)

    @property
    def impossible_sizes(self) -> list[bool]:
        """Which of the sizes are more than an object of S3 can have."""
        return [
            text != "-" and int(text) > largest
            for text, largest in ((self.result[n + 1], RESULT[n].largest) for n in _SIZES)
            if largest is not None
        ]

    def _text(self, span: Span) -> str | None:
        return None if span is None else self.line[span[0] : span[1]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The interpretation that is taken, whether it is the only one, and which texts of its result all others share."""

    interpretation: Interpretation
    is_only: bool
    agreed: tuple[bool, ...]

    @property
    def result(self) -> tuple[str, ...]:
        """Status to turn-around time, a dash where interpretations differ: nobody knows which one S3 wrote."""
        texts = self.interpretation.result.groups()
        return tuple(
            text if agreed else "-"
            for text, agreed in zip(texts, self.agreed, strict=True)
        )


def choose(rest: str) -> Chosen:
    """The first interpretation that says what S3 can write, and what others disagree on. Raises RejectError.

    Others are passed over, so that nobody can write himself out of the table with a text that looks like wrong fields;
    one with a size that no object has is taken only where there is no better one.
    """
    possible: list[Interpretation] = []
    oversized: list[Interpretation] = []
    problems: list[str] = []
    for one in _interpretations(rest):
        if one.problem is not None:
            problems.append(one.problem)
            continue
        (oversized if any(one.impossible_sizes) else possible).append(one)
        # Each costs time, and one line may have thousands.
        if len(possible) == _MOST_INTERPRETATIONS:
            return Chosen(possible[0], is_only=False, agreed=_NOTHING_AGREED)
    taken = possible or oversized
    if not taken:
        raise RejectError(problems[0] if problems else _why_none(rest))
    is_only = len(possible) + len(oversized) + len(problems) == 1 and taken[0].is_only
    results = zip(*(one.result.groups() for one in taken), strict=True)
    return Chosen(taken[0], is_only, tuple(len(set(texts)) == 1 for texts in results))


def _why_none(rest: str) -> str:
    result = RESULT_AFTER_URI.search(rest, 1) or RESULT_AFTER_BARE_URI.match(rest)
    if result is None and RESULT_THEN_TEXT.search(rest, 1):
        return "field_count"
    if result is None:
        return "bad_number" if NO_RESULT.search(rest) else "truncated"
    after_quotes = rest[max(rest.rfind('"') + 1, result.end()) :]
    return (
        "field_count" if after_quotes.startswith(" ") or '"' not in rest else "truncated"
    )


def _interpretations(rest: str) -> Iterator[Interpretation]:
    """The ways to read a line from its URI on, the preferred one first; one for each place of the result."""
    body, extra = (
        (rest.removesuffix(_ODD_END), _ODD_END)
        if rest.endswith(_ODD_END)
        else (rest, None)
    )
    # The usual form of multi-object deletes and copies: it has no quotes at all.
    if bare := ALL_BARE.match(rest):
        yield from _all_bare(rest, bare, body, extra)
        return
    end = body.rfind('"') + 1
    after = body[end:].split()
    whole = _Quoted(body[:end], body[end:], extra).interpretations()
    if _is_usual(after):
        yield from whole
        return
    # A line of another store or of the years before 2019, or one with quoted fields that nobody knows yet.
    early = _ending_early(rest, CLOSING, reversed)
    early_of_18 = _ending_early(rest, CLOSING_OF_18, iter)
    if _is_complete(after) and _is_signed(after):
        yield from chain(whole, early)
    elif len(after) == 1:
        yield from chain(early, whole, early_of_18)
    else:
        yield from chain(early, early_of_18, whole)


def _ending_early(
    rest: str,
    patterns: tuple[re.Pattern[str], ...],
    in_order: Callable[[list[re.Match[str]]], Iterator[re.Match[str]]],
) -> Iterator[Interpretation]:
    """Interpretations in which quoted fields that nobody knows follow the trailing ones.

    Where many trailing fields are in their places, the last such place comes first: a text before it may be forged.
    """
    for pattern in patterns:
        ends = list(pattern.finditer(rest))
        if len(ends) > 2 * _MOST_ENDS:
            ends[_MOST_ENDS:-_MOST_ENDS] = []
        for match in in_order(ends):
            after, unknown = match["after"], rest[match.end("after") :]
            if '"' in (after + unknown).removesuffix(_ODD_END):
                quoted = rest[: match.start() + 1]
                yield from _Quoted(quoted, after, unknown or None).interpretations()


def _all_bare(
    rest: str, bare: re.Match[str], body: str, extra: str | None
) -> Iterator[Interpretation]:
    """Nothing before the trailing fields is quoted, so nothing there is anybody's text."""
    known, unknown = _cut_at_quote(rest[bare.end() :])
    if unknown is None and '"' not in known.removesuffix(_ODD_END):
        known, unknown = body[bare.end() :], extra
    trailing = _trailing(known, unknown)
    if trailing is not None:
        problem = _problem_of(bare, _problem_of_trailing(trailing))
        yield Interpretation(rest, bare, trailing, problem=problem)


def _is_usual(tokens: list[str]) -> bool:
    """Whether these are trailing fields as S3 has written them since 2019."""
    if len(tokens) < COMPLETE:
        return False
    host, next_one = tokens[HOST], tokens[HOST + 1]
    if PRINCIPAL_ID.fullmatch(host):
        return is_host_id(next_one) is not None
    return is_host_id(host) is not None and _has_signature(tokens)


def _cut_at_quote(text: str) -> tuple[str, str | None]:
    """The trailing fields and unknown ones before the first quoted one that nobody knows, and what follows them."""
    known = TRAILING_FIELDS.match(text)
    quote = text.find(' "', known.end() if known else 0)
    return (text, None) if quote < 0 else (text[:quote], text[quote + 1 :])


class _Quoted:
    """Interpretations in which `quoted` ends with the last quoted field and `after` follows it.

    That field is the user agent; or the user agent is a bare dash, or the referrer too, which is considered where
    no quote speaks against it, or where a host id speaks for it. Takes time in proportion to the line, however often
    it looks like a result: all that follows the last quote is looked at once, and so is each place between two quotes.
    """

    def __init__(self, quoted: str, after: str, extra: str | None) -> None:
        self._quoted = quoted
        self._after = after
        self._extra = extra
        self._has_bare_uri = quoted.startswith("-")
        self._boundaries = _Boundaries(quoted)
        self._trailing = _trailing(after, extra)
        self._problem = _problem_of_trailing(self._trailing)
        agent = BARE_AGENT.match(after)
        after_agent = after[agent.end() :] if agent else ""
        self._bare_trailing = _trailing(after_agent, extra) if agent else None
        self._bare_problem = _problem_of_trailing(self._bare_trailing)
        self._is_certainly_bare = agent is not None and _is_certain(after_agent)

    def interpretations(self) -> Iterator[Interpretation]:
        for result in self._results():
            uri = None if self._has_bare_uri else (1, result.start())
            yield from self._with_quoted_agent(result, uri)
            yield from self._with_bare_agent(result, uri)
        yield from self._with_nothing_after_the_uri()

    def _results(self) -> Iterable[re.Match[str]]:
        if self._has_bare_uri:
            return filter(None, [RESULT_AFTER_BARE_URI.match(self._quoted)])
        return RESULT_AFTER_URI.finditer(self._quoted, 1)

    def _with_quoted_agent(
        self, result: re.Match[str], uri: Span
    ) -> Iterator[Interpretation]:
        if self._trailing is None:
            return
        one = _referrer_and_agent(self._quoted, result, self._trailing, self._boundaries)
        if one is not None:
            yield replace(one, uri=uri, problem=_problem_of(result, self._problem))

    def _with_bare_agent(
        self, result: re.Match[str], uri: Span
    ) -> Iterator[Interpretation]:
        begin, end = result.end(), len(self._quoted)
        has_quoted_referrer = begin + 1 < end and self._quoted[begin] == '"'
        if self._bare_trailing is None or not has_quoted_referrer:
            return
        if self._is_certainly_bare or not self._boundaries.has_any_after(begin):
            yield Interpretation(
                self._quoted,
                result,
                self._bare_trailing,
                uri=uri,
                referrer=(begin + 1, end - 1),
                between=(end, end),
                problem=_problem_of(result, self._bare_problem),
            )

    def _with_nothing_after_the_uri(self) -> Iterator[Interpretation]:
        """The last quoted field is the URI itself."""
        if self._has_bare_uri or len(self._quoted) < 2:  # noqa: PLR2004 - two quotes
            return
        result = BARE_AFTER_URI.match('"' + self._after)
        if result is None:
            return
        text = self._after[result.end() - 1 :]
        trailing = _trailing(text, self._extra)
        is_likely = (
            self._trailing is None or '"' not in self._quoted[1:-1] or _is_certain(text)
        )
        if trailing is not None and is_likely:
            uri = (1, len(self._quoted) - 1)
            problem = _problem_of(result, _problem_of_trailing(trailing))
            yield Interpretation(self._quoted, result, trailing, uri=uri, problem=problem)


class _Boundaries:
    """The places in a text where one quoted field may end and the next one begin: a quote, spaces, a quote."""

    def __init__(self, text: str) -> None:
        self._spans = [match.span(1) for match in BOUNDARY.finditer(text)]
        self._openings = [match.span() for match in OPENING.finditer(text)]
        self._quotes = [match.start() for match in QUOTES.finditer(text)]
        self._length = len(text)

    def after(self, begin: int) -> list[tuple[int, int]]:
        """The first places, two at most, between a quoted field that begins there and another one."""
        first = bisect_right(self._spans, (begin, self._length))
        return [span for span in self._spans[first : first + 2] if span[1] < self._length]

    def has_any_after(self, begin: int) -> bool:
        return bool(self._spans) and self._spans[-1][0] > begin

    def has_quote(self, begin: int, end: int) -> bool:
        return bisect_left(self._quotes, begin) < bisect_left(self._quotes, end)

    def openings(self, begin: int) -> list[tuple[int, int]]:
        """The first places, two at most, between a text that begins there and a quoted field."""
        first = bisect_right(self._openings, begin, key=itemgetter(1))
        found = self._openings[first : first + 2]
        return [(max(begin, start), end) for start, end in found if end < self._length]


def _referrer_and_agent(
    quoted: str, result: re.Match[str], trailing: Trailing, boundaries: _Boundaries
) -> Interpretation | None:
    """The interpretation with this result in which referrer and quoted user agent follow it, if they can."""
    begin, end = result.end(), len(quoted)
    places = boundaries.after(begin) if quoted.startswith('"', begin) else []
    if not places:
        return _bare_referrer_and_agent(quoted, result, trailing, boundaries)
    first, second = places[0]
    return Interpretation(
        quoted,
        result,
        trailing,
        referrer=(begin + 1, first),
        user_agent=(second, end - 1),
        between=(first, second),
        is_only=len(places) == 1,
    )


def _bare_referrer_and_agent(
    quoted: str, result: re.Match[str], trailing: Trailing, boundaries: _Boundaries
) -> Interpretation | None:
    """The same with a referrer that is not quoted: a dash, a URL, or, in Ceph's lines, any text and none."""
    begin, end = result.end(), len(quoted)
    openings = boundaries.openings(begin)
    if not openings:
        return None
    first, second = openings[0]
    is_any = result[len(RESULT)].endswith("ms")
    # There may be thousands of results: a long text is not copied for each.
    is_dash = quoted[begin : min(first, begin + 2)] == "-"
    is_empty = is_any and begin == first and quoted.endswith("  ", 0, begin)
    is_text = begin < first and (is_any or is_url(quoted, begin))
    if not (is_dash or is_empty or is_text):
        return None
    is_missing = is_dash or is_empty
    has_other_end = len(openings) > 1 or boundaries.has_quote(begin, first)
    return Interpretation(
        quoted,
        result,
        trailing,
        referrer=None if is_missing else (begin, first),
        user_agent=(second, end - 1),
        between=(first, second),
        is_only=is_missing or not has_other_end,
    )


def _problem_of(result: re.Match[str], problem_of_trailing: str | None) -> str | None:
    """Why these cannot be what S3 wrote around the quoted fields, if so."""
    problems = (_problem_of_unquoted(result[0]), problem_of_trailing)
    for worst in (CONTROL_CHARACTER, SPLICED):
        if worst in problems:
            return worst
    for number, limit in _LIMITS.items():
        logged = result[number + 1]
        # The length first: Python refuses to read thousands of digits.
        whole, _, _ = logged.partition(".")
        if logged != "-" and (len(whole) > _MOST_DIGITS or rounded(logged) > limit):
            return f"out_of_range: {RESULT[number].name}"
    return None


def _problem_of_trailing(trailing: Trailing | None) -> str | None:
    return (
        _problem_of_unquoted(f"{trailing.text} {trailing.extra or ''}")
        if trailing
        else None
    )


def _problem_of_unquoted(text: str) -> str | None:
    if CONTROLS.search(text):
        return CONTROL_CHARACTER
    return SPLICED if TIME_STAMP.search(text) else None


def _is_certain(text: str) -> bool:
    """Whether these fields cannot be others: a host id where it should be, and neither it nor a principal before it."""
    tokens = TOKENS.findall(text)
    if len(tokens) < COMPLETE:
        return False
    version, host = tokens[:2]
    is_other = is_host_id(version) or (version != "-" and PRINCIPAL_ID.fullmatch(version))
    return bool(is_host_id(host)) and not is_other


def _trailing(text: str, extra: str | None) -> Trailing | None:
    """The trailing fields in `text`, or None where it cannot hold them."""
    if text and not text.startswith(" "):
        return None
    found = list(TOKENS.finditer(text))
    tokens = [match[0] for match in found]
    if _has_principal_id(tokens):
        principal = None if tokens[1] == "-" else tokens[1]
        kept = _joined(principal, extra)
        return Trailing(text, (tokens[0], *tokens[2:]), kept, Note.EXTRA_COLUMN)
    if not _is_complete(tokens):
        return None
    known = tuple(tokens[: len(TRAILING)])
    first_unknown = next(iter(found[len(TRAILING) :]), None)
    unknown = text[first_unknown.start() :] if first_unknown else ""
    if extra == _ODD_END:
        return Trailing(text, known, unknown + extra, Note.TRAILING_TEXT)
    return Trailing(text, known, _joined(unknown, extra), _note_of(tokens))


def _joined(*texts: str | None) -> str | None:
    return " ".join(filter(None, texts)) or None


def _note_of(tokens: list[str]) -> Note | None:
    """What has to be said of complete trailing fields: that the signature version is unknown."""
    is_unknown = len(tokens) >= COMPLETE and not is_signature(tokens[SIGNATURE])
    return Note.UNUSUAL_FORM if is_unknown else None


def _is_complete(tokens: list[str]) -> bool:
    """Whether there are as many fields as lines have had, or more, and the signature version is in its place."""
    if len(tokens) < len(TRAILING) and len(tokens) not in TRAILING_COUNTS:
        return False
    return len(tokens) < COMPLETE or _has_signature(tokens)


def _has_signature(tokens: list[str]) -> bool:
    """Whether a signature version is in its place: a known one, or another word beside fields in their places."""
    signature = tokens[SIGNATURE]
    if is_signature(signature):
        return True
    is_word = UNKNOWN_SIGNATURE.fullmatch(signature) and not PRINCIPAL_ID.fullmatch(
        signature
    )
    return bool(is_word) and _is_signed(tokens)


def _is_signed(tokens: list[str]) -> bool:
    """Whether authentication type and TLS version are in their places."""
    return bool(
        len(tokens) >= COMPLETE
        and is_authentication(tokens[AUTHENTICATION])
        and (len(tokens) <= TLS or is_tls(tokens[TLS]))
    )


def _has_principal_id(tokens: list[str]) -> bool:
    """Whether the caller's principal id, or a dash, stands before the host id, as in mid-March 2019."""
    if len(tokens) < 2 or not PRINCIPAL_ID.fullmatch(tokens[1]):  # noqa: PLR2004
        return False
    shifted = [tokens[0], *tokens[2:]]
    if len(shifted) == 1:
        return True
    if len(shifted) not in TRAILING_COUNTS:
        return False
    _, host, signature = shifted[:3]
    is_in_place = is_host_id(host) and is_signature(signature)
    return bool(is_in_place) and not is_signature(tokens[2])
