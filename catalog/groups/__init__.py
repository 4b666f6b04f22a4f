"""Groups of photos: by shared keywords, by occasion, and nearly alike."""

from catalog.groups.kinds import (
    Kind,
    PhotoGroup,
    find_keyword_groups,
    find_others,
    get_group,
    open_groups,
)

__all__ = ["Kind", "PhotoGroup", "find_keyword_groups", "find_others", "get_group", "open_groups"]
