"""Computes great-circle distances, with the same formula in Python and in SQL.

`conditions` calls it for `near:`, `run` registers the SQL function on SQLite before a search, and
`catalog.groups.occasions` measures how far apart photos were taken.
"""

import math
import sqlite3
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, or_
from sqlalchemy.orm import Session

from catalog.language.fields import Near

#: Mean radius of the Earth (IUGG), kilometres.
EARTH_KM = 6371.0088


def distance_km(
    latitude: float | None, longitude: float | None, other: float, other_longitude: float
) -> float | None:
    """Return the great-circle distance between two points in WGS 84 degrees; None if unknown.

    The haversine formula, with latitudes p and longitudes l in radians:

        h = sin((p1 - p2) / 2)**2 + cos(p1) * cos(p2) * sin((l1 - l2) / 2)**2
        distance = 2 * EARTH_KM * asin(sqrt(h))
    """
    if latitude is None or longitude is None:
        return None
    north, south = math.radians(latitude), math.radians(other)
    half = math.sin((north - south) / 2) ** 2
    turn = math.sin(math.radians(longitude - other_longitude) / 2) ** 2
    half += math.cos(north) * math.cos(south) * turn
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


def teach_sqlite(session: Session) -> None:
    """Register the SQL function `kadr_km` on a SQLite connection; do nothing on PostgreSQL.

    SQLite is often built without sine and cosine.
    """
    driver = session.connection().connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        driver.create_function("kadr_km", 4, distance_km, deterministic=True)


def is_near(photo: Any, near: Near, dialect: str) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the SQL condition that a photo was taken within a circle.

    A cheap test against the circle's bounding box comes first.
    """
    degrees = math.degrees(near.km / EARTH_KM)
    return and_(
        photo.latitude.between(near.latitude - degrees, near.latitude + degrees),
        _between_meridians(photo.longitude, near, degrees),
        _distance(photo, near, dialect) <= near.km,
    )


def _between_meridians(
    longitude: ColumnElement[float], near: Near, degrees: float
) -> ColumnElement[bool]:
    """Return the SQL condition that a longitude lies in the circle's bounding box.

    The box may cross the 180th meridian. If the circle contains a pole, any longitude is in it.
    """
    if abs(near.latitude) + degrees >= 90:  # noqa: PLR2004
        return longitude.is_not(None)
    spread = math.sin(math.radians(degrees)) / math.cos(math.radians(near.latitude))
    half = math.degrees(math.asin(min(1.0, spread))) + 1e-9
    if half >= 180:  # noqa: PLR2004
        return longitude.is_not(None)
    west, east = near.longitude - half, near.longitude + half
    return or_(
        longitude.between(west, east),
        longitude.between(west + 360, east + 360),
        longitude.between(west - 360, east - 360),
    )


def _distance(photo: Any, near: Near, dialect: str) -> ColumnElement[float]:  # noqa: ANN401
    if dialect == "sqlite":
        return func.kadr_km(photo.latitude, photo.longitude, near.latitude, near.longitude)
    here, there = func.radians(photo.latitude), math.radians(near.latitude)
    turn = func.radians(photo.longitude - near.longitude) / 2
    north = func.power(func.sin((here - there) / 2), 2)
    east = func.cos(here) * literal(math.cos(there)) * func.power(func.sin(turn), 2)
    return 2 * EARTH_KM * func.asin(func.sqrt(func.least(1.0, north + east)))
