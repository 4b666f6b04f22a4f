"""Draws `docs/grouping.svg`: keywords of a synthetic catalogue, their links, and the groups found.

python benchmarks/grouping_picture.py docs/grouping.svg
"""

import argparse
import random
from pathlib import Path
from xml.sax.saxutils import escape

import igraph
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from catalog.groups import communities

THEMES = (
    ("beach", "sea", "sand", "wave", "swimsuit", "boat"),
    ("dog", "puppy", "leash", "ball", "fetch"),
    ("street", "building", "car", "bus", "traffic light"),
    ("mountain", "snow", "peak", "hike", "ski"),
    ("cake", "candle", "party", "balloon", "gift"),
)
EVERYWHERE = ("person", "sky", "outdoors")
COLOURS = ("#2a78b5", "#c8702a", "#4c8f3f", "#7d5ba6", "#b03a48")
PHOTOS, SIZE = 600, (760, 460)


def draw_photos() -> tuple[list[str], sparse.csr_array]:
    """Return the keywords, and which photo has which: (n_photos, n_keywords) float32, 0 or 1.

    Each photo has one or two themes, and words of `EVERYWHERE` that belong to none.
    """
    names = [word for theme in THEMES for word in theme] + list(EVERYWHERE)
    place = {name: n for n, name in enumerate(names)}
    drawn = np.random.default_rng(4)
    has = np.zeros((PHOTOS, len(names)), dtype=np.float32)
    for photo in range(PHOTOS):
        themes = drawn.choice(len(THEMES), 1 + (drawn.random() < 0.15), replace=False)
        for theme in themes:
            for word in THEMES[theme]:
                has[photo, place[word]] = drawn.random() < 0.55
        for word in EVERYWHERE:
            has[photo, place[word]] = drawn.random() < 0.6
    return names, sparse.csr_array(has)


def positions(n_tags: int, links: communities.Links) -> NDArray[np.float64]:
    """Return a force-directed layout of the keywords: (n_tags, 2) float64, pixels."""
    random.seed(2)
    graph = igraph.Graph(n=n_tags, edges=links.pairs)
    found = np.array(graph.layout_fruchterman_reingold(weights=links.weights, niter=2000).coords)
    low, high = np.percentile(found, [0, 100], axis=0)
    return (found - low) / (high - low) * (np.array(SIZE) - 110) + 55


def picture() -> str:
    """Return the picture as SVG."""
    names, has = draw_photos()
    links = communities.link_tags(has)
    groups = communities.find_communities(len(names), links, detail=communities.DETAIL)
    colour = dict.fromkeys(range(len(names)), "#8a8a8a")
    for n, group in enumerate(groups):
        colour |= dict.fromkeys(group.tolist(), COLOURS[n % len(COLOURS)])
    place = positions(len(names), links)
    lines = [
        f'<line x1="{place[a][0]:.0f}" y1="{place[a][1]:.0f}" x2="{place[b][0]:.0f}" '
        f'y2="{place[b][1]:.0f}" stroke="#bbbbbb" stroke-width="{4 * weight:.1f}"/>'
        for (a, b), weight in zip(links.pairs.tolist(), links.weights.tolist(), strict=True)
    ]
    words = [
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="7" fill="{colour[n]}"/>'
        f'<text x="{x + 10:.0f}" y="{y + 5:.0f}" fill="{colour[n]}">{escape(names[n])}</text>'
        for n, (x, y) in enumerate(place.tolist())
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE[0]} {SIZE[1]}" '
        'font-family="sans-serif" font-size="14">'
    )
    ground = f'<rect width="{SIZE[0]}" height="{SIZE[1]}" fill="#ffffff"/>'
    return "\n".join([head, ground, *lines, *words, "</svg>", ""])


def main() -> None:
    """Write the picture to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.parse_args().file.write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
