"""The photos before and after one in a search, for turning over one by one."""

from dataclasses import dataclass

from catalog.db.tables import Photo
from catalog.query.pages import Position, Sort
from catalog.query.run import Prepared, find_places

#: In orders that cannot be walked backwards, so many photos from the first on are looked through.
_LOOK = 500
_LAST_ID = 2**62
_OPPOSITE = {Sort.TAKEN: Sort.OLDEST, Sort.OLDEST: Sort.TAKEN}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Ids of photos beside one in a search; None at an end, or where it is not known."""

    first: int | None
    previous: int | None
    next: int | None
    last: int | None


def find_neighbours(found: Prepared, photo_id: int, sort: Sort) -> Neighbours:
    """Return the photos beside one in an order of a search.

    Orders by the time taken are walked in both directions from any photo. In the others, only the
    first photos of the search have known neighbours.
    """
    first = next(iter(find_places(found, sort, 1, None)), None)
    first_id = None if first is None else first.photo_id
    if sort not in _OPPOSITE:
        before, after = _look_through(found, photo_id, sort)
        return Neighbours(first_id, before, after, None)
    photo = found.session.get(Photo, photo_id)
    if photo is None:
        return Neighbours(first_id, None, None, None)
    here = Position(photo.taken_at, photo_id)
    return Neighbours(
        first_id,
        _before(found, here, sort, first_id),
        _next(find_places(found, sort, 1, here)),
        _last(found, sort),
    )


def _before(found: Prepared, here: Position, sort: Sort, first: int | None) -> int | None:
    if here.photo_id == first:
        return None
    backwards = _OPPOSITE[sort]
    near = find_places(found, backwards, 1, here)
    if here.key is None and not near:
        return _next(find_places(found, backwards, 1, None))
    if here.key is not None and near and near[0].key is None:
        return None
    return _next(near)


def _last(found: Prepared, sort: Sort) -> int | None:
    """Return the last photo of an order by date: the last one without a date, if there are any."""
    backwards = _OPPOSITE[sort]
    end = Position(None, 0 if backwards is Sort.OLDEST else _LAST_ID)
    return _next(find_places(found, backwards, 1, end) or find_places(found, backwards, 1, None))


def _next(places: list[Position]) -> int | None:
    return places[0].photo_id if places else None


def _look_through(found: Prepared, photo_id: int, sort: Sort) -> tuple[int | None, int | None]:
    ids = [place.photo_id for place in find_places(found, sort, _LOOK + 1, None)]
    if photo_id not in ids:
        return None, None
    at = ids.index(photo_id)
    return ids[at - 1] if at else None, ids[at + 1] if at + 1 < len(ids) else None
