"""Communities of keywords need igraph, which an extra brings."""

import sys

import numpy as np
import pytest

from catalog.errors import MissingExtraError
from catalog.groups import communities


def test_without_igraph_the_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "igraph", None)
    links = communities.Links(np.empty((0, 2), dtype=np.int64), np.empty(0))

    with pytest.raises(MissingExtraError, match=r"pip install 'kadr\[groups\]'"):
        communities.find_communities(3, links, detail=0.25)
