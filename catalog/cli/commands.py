"""The commands of the catalogue: where each is, and its line in `kadr --help`.

A test compares the lines with the docstrings of the commands.
"""

from catalog.cli.lazy import Command

COMMANDS = {
    "search": Command("catalog.cli.search", "Find photos by keyword."),
    "show": Command(
        "catalog.cli.show",
        "Show all that is known of a photo: keywords and where they came from, places, history.",
    ),
    "tags": Command("catalog.cli.tags", "List keywords with how many photos have them."),
    "similar": Command(
        "catalog.cli.similar", "List photos that look like a photo, most alike first."
    ),
    "groups": Command(
        "catalog.cli.groups",
        "List groups of photos that share keywords; new photos join the groups there are.",
    ),
    "group": Command(
        "catalog.cli.group", "List the photos of a group, those that it fits best first."
    ),
    "keyword": Command("catalog.cli.keyword", "Say which keywords a photo has, or has not."),
    "export": Command(
        "catalog.cli.export", "Write photos with their keywords and facts for other programs."
    ),
    "status": Command(
        "catalog.cli.status",
        "Show how many photos are tagged, pending and quarantined, and what tags them.",
    ),
    "failures": Command(
        "catalog.cli.failures", "List what could not be tagged, each with its reason."
    ),
    "retry": Command(
        "catalog.cli.retry", "Try photos again that were quarantined: those named, or all of them."
    ),
    "prune": Command(
        "catalog.cli.prune",
        "Forget photos whose files are gone, with their tags and a person's decisions about them.",
    ),
    "password": Command(
        "catalog.cli.password",
        "Set the password of the gallery; browsers that are logged in must log in again.",
    ),
    "health": Command(
        "catalog.cli.health",
        "Ask the gallery on this machine whether it works; status 1 if it does not answer.",
    ),
    "webhook": Command("catalog.cli.webhook", "Addresses that are told of events."),
    "token": Command("catalog.cli.token", "Tokens of scripts that use the REST API."),
    "backup": Command(
        "catalog.cli.backup",
        "Write all that the catalogue holds into one file, which `kadr restore` takes.",
    ),
    "restore": Command(
        "catalog.cli.restore",
        "Put a backup in the place of all that the catalogue holds, or make a catalogue of it.",
    ),
    "db": Command("catalog.cli.database", "The catalogue's tables."),
}

#: `kadr tag add PHOTO WORD` is what people type for `kadr keyword add PHOTO WORD`, so these words
#: after `kadr tag` are no folders; a folder of such a name is tagged as `./add`.
_KEYWORD_ACTIONS = ("add", "remove", "confirm", "reject")


def read_tag_as_keyword(arguments: list[str]) -> list[str]:
    """Return the arguments of `kadr`, with `tag add` and the like read as `keyword add`."""
    if arguments[:1] == ["tag"] and arguments[1:2] and arguments[1] in _KEYWORD_ACTIONS:
        return ["keyword", *arguments[1:]]
    return arguments
