"""Whatever strangers write: each reader gives something or a sentence, and no other error."""

import random
from itertools import islice

import pytest

from tests.support import fuzzing

#: Damaged inputs of each reader, in `make check` and in the long form; images take 3 ms each.
_FEW = 100
_MANY = {"image": 10_000}


@pytest.mark.parametrize("reader", fuzzing.READERS)
def test_the_corpus_and_some_damage_to_it_are_read(reader: str):
    corpus = fuzzing.corpus_of(reader)

    for data in [*corpus, *islice(fuzzing.mutants(corpus, random.Random(16)), _FEW)]:
        fuzzing.READERS[reader](data)

    assert corpus


@pytest.mark.faults
@pytest.mark.parametrize("reader", fuzzing.READERS)
def test_much_damage(reader: str, rng: random.Random):
    """An input that fails is kept in the corpus, so that every later run begins with it."""
    many = _MANY.get(reader, 50_000)
    for data in islice(fuzzing.mutants(fuzzing.corpus_of(reader), rng), many):
        try:
            fuzzing.READERS[reader](data)
        except Exception as error:
            raise AssertionError(f"{fuzzing.keep(reader, data)}: {error!r}") from error
