"""Upgrades that are killed half way, and programs that meet tables of another version."""

import pytest
from sqlalchemy import text

from catalog.db import database as databases
from catalog.db import migrate
from catalog.db.tables import HEAD_REVISION, PhotoState
from catalog.errors import SchemaVersionError
from tests.faults.conftest import RECOVERY_S, Report, StartFleet
from tests.support.fleet import expect, judge
from tests.support.kadr import Kadr
from tests.support.moments import Moment

#: In the middle of both migrations, between them, and when all is done but the commit.
KILLED_AT = (
    Moment("alembic.op:add_column", call=1),
    Moment("alembic.op:add_column", call=4),
    Moment("alembic.op:create_table", call=1),
    Moment("alembic.op:create_table", call=4),
    Moment("alembic.command:upgrade"),
)


@pytest.mark.faults
def test_an_upgrade_that_is_killed_leaves_the_tables_that_were_there(
    start_fleet: StartFleet, fleet_url: str, report: Report
):
    fleet = start_fleet(fleet_url)
    fleet.photos.add(20)
    fleet.watch()
    fleet.work()
    fleet.wait_until_quiet(bound_s=RECOVERY_S)
    fleet.kill("watcher")
    fleet.kill("worker")
    migrate.downgrade(fleet.database.engine, "0003")
    fleet.database.close()
    log = fleet.kadr.cwd / "upgrade.log"
    for moment in KILLED_AT:
        assert fleet.kadr.start("db", "upgrade", log=log, extra=moment.env).wait() == -9
        with pytest.raises(SchemaVersionError, match="0003"):
            databases.open_database(fleet_url, upgrade=False)
    assert fleet.kadr.run("db", "upgrade").returncode == 0
    fleet.photos.add(20)
    fleet.watch()
    fleet.work()

    seconds = fleet.wait_until_quiet(bound_s=RECOVERY_S)

    verdict = judge(fleet, expect(fleet.kadr, fleet.photos))
    report(f"upgrade killed {len(KILLED_AT)} times", verdict, seconds)


@pytest.mark.faults
def test_new_tables_stop_old_programs_at_their_start_and_lose_nothing(
    start_fleet: StartFleet, fleet_url: str, report: Report
):
    fleet = start_fleet(fleet_url)
    fleet.photos.add(40)
    fleet.watch()
    fleet.work()
    fleet.wait_until_quiet(bound_s=RECOVERY_S)
    set_revision(fleet.kadr, "9999")
    fleet.photos.add(20)
    fleet.kill("worker")
    fleet.work()
    assert fleet.wait_for_death("worker") > 0
    assert "is of a newer version (9999)" in fleet.log("worker")
    set_revision(fleet.kadr, HEAD_REVISION)
    fleet.work()

    seconds = fleet.wait_until_quiet(bound_s=RECOVERY_S)

    assert fleet.count(PhotoState.LEASED) == 0
    verdict = judge(fleet, expect(fleet.kadr, fleet.photos))
    report("old workers on new tables", verdict, seconds)


def set_revision(kadr: Kadr, revision: str) -> None:
    engine = databases.create(kadr.settings["KADR_DATABASE_URL"])
    with engine.begin() as connection:
        statement = text("UPDATE alembic_version SET version_num = :revision")
        connection.execute(statement, {"revision": revision})
    engine.dispose()
