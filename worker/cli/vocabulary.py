"""`kadr vocabulary list|show|build|diff|check|tune`: the words that photos are tagged with."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from catalog.cli import catalogue, console
from catalog.cli.options import AsJson
from catalog.tags import decisions, taggers
from worker import vocabulary
from worker.errors import VocabularyError
from worker.vocabulary import builder, file, tuning
from worker.vocabulary.keywords import Vocabulary

Name = Annotated[str, typer.Argument(help="A pack's name or a file.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")]


app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="The words that photos are tagged with."
)


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the vocabularies that come with Kadr."""
    packs = [vocabulary.load(name) for name in vocabulary.list_names()]
    if as_json:
        console.print_json(
            [
                {"name": pack.name, "words": len(pack), "aliases": _aliases(pack)}
                | {"language": pack.language, "digest": pack.digest}
                for pack in packs
            ]
        )
        return
    table = Table("name", "words", "aliases", "language", box=None, pad_edge=False)
    for pack in packs:
        table.add_row(pack.name, f"{len(pack):,}", f"{_aliases(pack):,}", pack.language)
    console.out().print(table)


@app.command()
def show(
    name: Name,
    word: Annotated[str | None, typer.Argument(help="Only the keyword of this name.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print a vocabulary, or what it knows of one word, as lines that can be edited."""
    words = vocabulary.load(name)
    found = [words.find(word)] if word is not None else list(words)
    keywords = [keyword for keyword in found if keyword is not None]
    if not keywords:
        shown = str(word)[:40] or "an empty word"
        raise VocabularyError(f"{shown}: is not in {name}; `kadr vocabulary show {name}` lists it")
    if as_json:
        console.print_json([asdict(keyword) for keyword in keywords])
    else:
        typer.echo("\n".join(map(file.format_keyword, keywords)))


@app.command()
def build(
    source: Annotated[
        str, typer.Argument(help="visual, imagenet-1k, or a file of words to fill up.")
    ],
    output: Output = None,
) -> None:
    """Build a pack: visual and imagenet-1k anew, or a file with plurals and synonyms added."""
    match source:
        case "visual":
            built = builder.build_visual()
        case "imagenet-1k":
            built = builder.build_imagenet_1k()
        case _:
            built = builder.fill_up(vocabulary.load(source))
    text = file.format_vocabulary(built)
    if output is None:
        typer.echo(text, nl=False)
    else:
        console.write_file(output, text)
        console.out().print(f"{console.count_of(len(built), 'word')} written to {output}")


@app.command()
def diff(old: Name, new: Name, *, as_json: AsJson = False) -> None:
    """List the words that only one of two vocabularies has, and those that differ."""
    before, after = vocabulary.load(old), vocabulary.load(new)
    were = {keyword.word: keyword for keyword in before}
    are = {keyword.word: keyword for keyword in after}
    lines = [("-", were[word]) for word in were if word not in are]
    for word, keyword in are.items():
        if word not in were:
            lines.append(("+", keyword))
        elif were[word] != keyword:
            lines += [("<", were[word]), (">", keyword)]
    if as_json:
        console.print_json([{"change": sign, "keyword": keyword.word} for sign, keyword in lines])
        return
    for sign, keyword in lines:
        typer.echo(f"{sign} {file.format_keyword(keyword)}")


@app.command()
def check(name: Name) -> None:
    """Read a vocabulary and print what was corrected in it; status 1 if it cannot be used."""
    if name == vocabulary.ENGLISH:
        console.out().print(f"{name} is made of wordfreq's list; there is nothing to put right")
        return
    path = vocabulary.find_pack(name)
    words, notes = file.read(path)
    for note in notes:
        console.out().print(f"{path}, line {note.line}: {note.message}", soft_wrap=True)
    unknown = _missing_parents(words)
    if unknown:
        shown = ", ".join(unknown[:5])
        console.out().print(f"broader words that are not keywords themselves: {shown}", style="dim")
    console.out().print(
        f"{console.count_of(len(words), 'word')}, {_count_aliases(words)}, "
        f"{console.count_of(len(notes), 'note')}"
    )


@app.command()
def tune(
    output: Output = None,
    min_rejections: Annotated[
        int, typer.Option(help="Words rejected less often are left alone.", min=1)
    ] = 3,
    *,
    as_json: AsJson = False,
) -> None:
    """Propose higher bars for words that were often rejected; --output writes the vocabulary.

    Nothing changes until you say so: `kadr retag --vocabulary FILE` takes what was written.
    """
    with catalogue.reading() as session:
        proposals = tuning.propose(decisions.count_by_word(session), min_rejections=min_rejections)
        chosen = taggers.find(session)
    if as_json:
        console.print_json([proposal.as_json() for proposal in proposals])
    elif proposals:
        table = Table("word", "rejected", "confirmed", "bar", box=None, pad_edge=False)
        for each in proposals:
            bar = f"+{each.bar:g}"
            table.add_row(each.word, f"{each.rejected:,}", f"{each.confirmed:,}", bar)
        console.out().print(table)
    else:
        times = console.count_of(min_rejections, "time")
        console.out().print(f"no word was rejected at least {times} and more often than confirmed")
    if output is not None and chosen is not None:
        tuned = tuning.apply(vocabulary.load(chosen.vocabulary), proposals)
        console.write_file(output, file.format_vocabulary(tuned))
        console.err().print(f"written; use it with `kadr retag --vocabulary {output}`")


def _aliases(words: Vocabulary) -> int:
    return sum(len(keyword.aliases) for keyword in words)


def _count_aliases(words: Vocabulary) -> str:
    number = _aliases(words)
    return f"{number:,} alias{'' if number == 1 else 'es'}"


def _missing_parents(words: Vocabulary) -> list[str]:
    named = dict.fromkeys(parent for keyword in words for parent in keyword.parents)
    return [parent for parent in named if words.find(parent) is None]
