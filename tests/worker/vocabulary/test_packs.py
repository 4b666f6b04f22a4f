"""Packs: built from names, frequencies and reviewed lists, tuned by decisions, shown."""

import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog.db.database import Database
from catalog.errors import OutputError
from catalog.tags import decisions
from tests.support.catalogue import NOW, add_photos, tag_photo
from worker import vocabulary
from worker.cli import vocabulary as command
from worker.errors import VocabularyError
from worker.vocabulary import builder, concepts, english, file, tuning
from worker.vocabulary.concepts import Concept
from worker.vocabulary.keywords import Alias, Keyword, Vocabulary


@pytest.fixture(scope="module")
def visual() -> Vocabulary:
    return vocabulary.load("visual")


def word_of(words: Vocabulary, name: str) -> str | None:
    found = words.find(name)
    return found.word if found is not None else None


@pytest.mark.parametrize("name", ["mother", "mothers", "mamas", "mamma", "Mom"])
def test_forms_of_a_word_are_one_keyword(visual: Vocabulary, name: str) -> None:
    assert word_of(visual, name) == "mother"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("dogs", "dog"),
        ("hippo", "hippopotamus"),
        ("harbour", "harbor"),
        ("palm trees", "palm tree"),
    ],
)
def test_plurals_spellings_and_synonyms_are_aliases(
    visual: Vocabulary, name: str, word: str
) -> None:
    assert word_of(visual, name) == word


@pytest.mark.parametrize(
    ("name", "broader"),
    [
        ("beagle", "dog"),
        ("dog", "animal"),
        ("sports car", "car"),
        ("rose", "flower"),
        ("tuna", "fish"),
        ("orca", "whale"),
        ("panda", "animal"),
        ("record player", "electronics"),
    ],
)
def test_broader_words_are_known(visual: Vocabulary, name: str, broader: str) -> None:
    found = visual.find(name)
    assert found is not None
    assert broader in found.parents


@pytest.mark.parametrize(
    "word", ["sunset", "wedding", "fog", "turquoise", "portrait", "autumn", "hiking", "loneliness"]
)
def test_scenes_events_weather_colours_and_moods_are_there(visual: Vocabulary, word: str) -> None:
    assert visual.find(word) is not None


@pytest.mark.parametrize("word", ["the", "because", "can", "well", "maternal", "postnatal"])
def test_what_cannot_be_seen_is_not(visual: Vocabulary, word: str) -> None:
    assert visual.find(word) is None


@pytest.mark.parametrize(
    "name",
    [
        "first class",
        "party line",
        "lead tree",
        "free house",
        "tit",
        "brothel",
        "whorehouse",
        "coon",
    ],
)
def test_names_that_mean_too_much_or_hurt_are_not(visual: Vocabulary, name: str) -> None:
    assert visual.find(name) is None


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("galaxy", "beetleweed"),
        ("painter", "cougar"),
        ("copper", "butterfly"),
        ("arctic", "galosh"),
    ],
)
def test_word_is_not_taken_for_a_rare_meaning_of_it(
    visual: Vocabulary, word: str, other: str
) -> None:
    found = visual.find(word)
    assert found is None or other not in {*found.parents, *(a.word for a in found.aliases)}


def test_plural_that_is_known_goes_before_the_regular_one(visual: Vocabulary) -> None:
    assert word_of(visual, "men") == "man"
    assert word_of(visual, "mans") is None


def test_commonest_words_come_first(visual: Vocabulary) -> None:
    places = {word: place for place, word in enumerate(visual.words)}

    assert places["dog"] < places["beagle"]
    assert 4_000 < len(visual) < 10_000


def test_packs_have_nothing_to_put_right() -> None:
    for path in vocabulary.PACKS.glob("*.txt"):
        assert file.read(path)[1] == []


@pytest.mark.thorough
def test_packs_are_what_their_builders_make(visual: Vocabulary) -> None:
    assert builder.build_visual().digest == visual.digest


def test_imagenet_pack_has_a_class_a_line() -> None:
    words = vocabulary.load("imagenet-1k")

    assert len(words) == 1000
    assert words.words[0] == "tench"
    assert words.words[207] == "golden retriever"


@pytest.mark.parametrize("name", ["ёлка", "ЁЛКА", "елка", "ель"])
def test_russian_words_are_found_in_any_spelling(name: str) -> None:
    russian = vocabulary.load("russian-sample")

    assert russian.language == "ru"
    for form in ("NFC", "NFD", "NFKD"):
        assert word_of(russian, unicodedata.normalize(form, name)) == "ёлка"


def test_russian_words_have_english_aliases_and_prompts_of_their_own() -> None:
    hedgehog = vocabulary.load("russian-sample").find("hedgehog")

    assert hedgehog is not None
    assert hedgehog.word == "ёж"
    assert Alias("hedgehog", "en") in hedgehog.aliases
    assert hedgehog.templates == ("фото, на котором {word}", "{word}")


@pytest.mark.parametrize(
    ("definition", "genus"),
    [
        ("a small short-legged smooth-coated breed of hound", "hound"),
        ("a short coat that hangs loosely from the shoulders", "coat"),
        ("any of several large owls, with ear tufts", "owls"),
        ("", None),
    ],
)
def test_genus_is_the_noun_that_a_definition_begins_with(
    definition: str, genus: str | None
) -> None:
    assert Concept("n02084071", ("x",), definition).genus == genus


def test_concepts_are_those_of_imagenet() -> None:
    found = list(concepts.imagenet_1k())

    assert len(found) == 1000
    assert found[162].names == ("beagle",)
    assert found[162].is_visible


@pytest.mark.parametrize(
    ("word", "many"),
    [
        ("dog", "dogs"), ("beach", "beaches"), ("city", "cities"), ("butterfly", "butterflies"),
        ("palm tree", "palm trees"), ("snow leopard", "snow leopards"), ("golf ball", "golf balls"),
        ("man", "men"), ("woman", "women"), ("person", "people"), ("child", "children"),
        ("foot", "feet"), ("tooth", "teeth"), ("goose", "geese"), ("mouse", "mice"), ("ox", "oxen"),
        ("leaf", "leaves"), ("knife", "knives"), ("wolf", "wolves"), ("loaf", "loaves"),
        ("scarf", "scarves"), ("shelf", "shelves"), ("calf", "calves"), ("thief", "thieves"),
        ("hoof", "hooves"), ("belief", "beliefs"), ("wife", "wives"), ("octopus", "octopuses"),
        ("roof", "roofs"), ("human", "humans"), ("tomato", "tomatoes"), ("potato", "potatoes"),
        ("photo", "photos"), ("gecko", "geckos"), ("lens", "lenses"), ("sarcophagus", "sarcophagi"),
        ("field mouse", "field mice"), ("bread knife", "bread knives"), ("fisherman", "fishermen"),
        ("wedding", "weddings"), ("radio", "radios"),
        ("sheep", None), ("furniture", None), ("shorts", None), ("running", None),
        ("broccoli", None), ("jeans", None), ("зонт", None), ("crane (lifts)", None),
    ],
)  # fmt: skip
def test_plurals_are_those_that_english_uses(word: str, many: str | None) -> None:
    assert english.plural(word) == many


@pytest.mark.parametrize("pack", ["visual", "imagenet-1k"])
def test_no_alias_of_a_pack_is_a_plural_that_english_has_not(pack: str) -> None:
    reviewed = builder.read_sources().reviewed
    written = {alias.word for keyword in reviewed for alias in keyword.aliases}
    written |= {name for concept in concepts.imagenet_22k() for name in concept.names}
    wrong = {
        alias.word
        for keyword in vocabulary.load(pack)
        for alias in keyword.aliases
        if alias.word in regular_plurals(keyword.word) - written
        and alias.word != english.plural(keyword.word)
    }

    assert wrong == set()


def regular_plurals(word: str) -> set[str]:
    """Return what a child makes of a word: "mouses", "leafs", "mans", "citys"."""
    stem = word[:-1]
    return {f"{word}s", f"{word}es", f"{stem}ies", f"{stem}ves"}


@pytest.mark.parametrize("pack", ["visual", "imagenet-1k"])
@pytest.mark.parametrize(
    "last",
    ["persons", "mouses", "leafs", "mans", "womans", "knifes", "childs", "foots", "wolfs", "calfs"],
)
def test_no_word_of_a_pack_ends_in_a_childs_plural(pack: str, last: str) -> None:
    names = vocabulary.load(pack).by_form

    assert [name for name in names if name.split()[-1:] == [last]] == []


def test_searches_and_decisions_import_no_grammar() -> None:
    program = (
        "import sys\n"
        "from worker import cli\n"
        "from worker.cli import loaders\n"
        "loaders.load_lexicon(None, ['planes'])\n"
        "heavy = {'inflect', 'simplemma'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)

    assert done.returncode == 0, done.stderr


def test_file_of_words_is_filled_up_and_keeps_what_is_there() -> None:
    mine = Vocabulary(
        "mine", (Keyword("beagle", (Alias("Snoopy"),)), Keyword("dog"), Keyword("зонт"))
    )
    beagle, dog, umbrella = builder.fill_up(mine)

    assert beagle.aliases == (Alias("Snoopy"), Alias("beagles"))
    assert "dog" in beagle.parents
    assert "dogs" in {alias.word for alias in dog.aliases}
    assert umbrella == Keyword("зонт")


def test_words_rejected_often_are_proposed_with_a_bar(database: Database) -> None:
    with database.write() as session:
        photos = add_photos(session, *(f"{n}.jpg" for n in range(8)))
        for photo in photos:
            tag_photo(session, photo, {"crane": 0.9, "dog": 0.8, "sea": 0.7})
        decisions.reject(session, photos[:7], ["crane"], now=NOW)
        decisions.reject(session, photos[:3], ["dog"], now=NOW)
        decisions.confirm(session, photos[3:], ["dog"], now=NOW)
        decisions.reject(session, photos[:2], ["sea"], now=NOW)
        decisions.reject(session, photos, ["never proposed by a model"], now=NOW)

        (crane,) = tuning.propose(decisions.count_by_word(session))

    assert (crane.word, crane.rejected, crane.confirmed, crane.bar) == ("crane", 7, 0, 2.1)


def test_proposals_raise_bars_and_lower_none() -> None:
    words = Vocabulary(
        "v", (Keyword("crane", bar=3.0), Keyword("dog", (Alias("dogs"),)), Keyword("sea"))
    )
    proposals = [tuning.Proposal("crane", 9, 0, 2.3), tuning.Proposal("dogs", 4, 0, 1.6)]

    assert [keyword.bar for keyword in tuning.apply(words, proposals)] == [3.0, 1.6, 0.0]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_command_lists_packs_and_shows_words() -> None:
    names = [each["name"] for each in json.loads(run("list", "--json"))]

    assert {"english-50k", "visual", "imagenet-1k", "russian-sample"} <= set(names)
    assert run("show", "visual", "doggy").startswith("dog | dogs")
    with pytest.raises(VocabularyError, match="unicorns: is not in imagenet-1k"):
        run("show", "imagenet-1k", "unicorns")


def test_command_builds_a_file_that_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("beagle\ndog\n")
    run("build", str(tmp_path / "mine.txt"), "-o", str(tmp_path / "full.txt"))

    assert word_of(vocabulary.load(tmp_path / "full.txt"), "beagles") == "beagle"


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("beagle\ndog\n")
    with pytest.raises(OutputError, match=r"full\.txt: cannot be written \(No such file"):
        run("build", str(tmp_path / "mine.txt"), "-o", str(tmp_path / "none" / "full.txt"))
    with pytest.raises(OutputError, match=r"cannot be written \(Is a directory"):
        run("build", str(tmp_path / "mine.txt"), "-o", str(tmp_path))


def test_command_tells_what_differs_and_what_was_put_right(tmp_path: Path) -> None:
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("dog\ncat\nsea\n")
    new.write_text("dog | dogs\ncat\nsand\nDog\n")

    lines = run("diff", str(old), str(new)).splitlines()
    assert lines == ["- sea", "< dog", "> dog | dogs", "+ sand"]
    assert "line 4: 'Dog' is in line 1 already" in run("check", str(new))
