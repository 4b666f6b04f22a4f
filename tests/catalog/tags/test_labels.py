"""Keywords in a person's language."""

from catalog.db.database import Database
from catalog.tags import labels, store


def test_keywords_are_called_by_their_aliases_in_a_language(database: Database):
    with database.write() as session:
        specs = {
            "dog": store.TagSpec(
                "dog", aliases=(("собака", "ru"), ("Hund", "de"), ("hound", None))
            ),
            "cat": store.TagSpec("cat", aliases=(("кошка", "ru-RU"),)),
        }
        store.ensure_tags(session, ["dog", "cat", "sky"], lambda _: specs)

    with database.read() as session:
        assert labels.find_labels(session, ["dog", "cat", "sky"], "ru") == {
            "dog": "собака",
            "cat": "кошка",
            "sky": "sky",
        }
        assert labels.find_labels(session, ["dog"], "en") == {"dog": "dog"}
