"""What was measured, as rows of a table: medians over the rounds, with the least and the most."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Size = Literal["large", "small"]
SIZES: tuple[Size, ...] = ("large", "small")


@dataclass(frozen=True, slots=True)
class Row:
    """A way of working with photos, by one contestant."""

    title: str
    contestant: str
    #: As the contestant calls it.
    way: str
    #: Whether it takes a third of the photos, since it is slow and has no batches to fill.
    is_slow: bool = False


@dataclass(frozen=True, slots=True)
class Ratio:
    """A number made of the rates of several rows in one round."""

    title: str
    rows: tuple[Row, ...]
    of: Callable[..., float]


@dataclass(slots=True)
class Results:
    """Photos per second, by row and size, a number for each round; or why there are none."""

    rates: dict[tuple[Row, Size], list[float]] = field(default_factory=lambda: defaultdict(list))
    reasons: dict[Row, str] = field(default_factory=dict)

    def spread(self, row: Row, size: Size) -> str:
        """Return the median of a row with the least and the most."""
        return "" if row in self.reasons else _spread(self.rates[row, size], 1)

    def ratio(self, ratio: Ratio, size: Size) -> str:
        """Return the median of a ratio, of rounds one by one, with the least and the most."""
        if any(row in self.reasons for row in ratio.rows):
            return ""
        rounds = zip(*(self.rates[row, size] for row in ratio.rows), strict=True)
        return _spread([ratio.of(*rates) for rates in rounds], 2)


def render(results: Results, rows: Sequence[Row], ratios: Sequence[Ratio]) -> str:
    """Return both tables in Markdown, and a line for each row that has no figures."""
    rates = [[row.title, *(results.spread(row, size) for size in SIZES)] for row in rows]
    shares = [[each.title, *(results.ratio(each, size) for size in SIZES)] for each in ratios]
    missing = [f"{row.title}: not measured, {why}" for row, why in results.reasons.items()]
    tables = [_markdown("photos/s", rates), _markdown("ratio, round by round", shares)]
    return "\n\n".join([*tables, *missing])


def _markdown(title: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [[title, *SIZES], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    middle = f"{statistics.median(values):.{digits}f}"
    return f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"
