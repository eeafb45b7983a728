"""A database that is away for a while."""

from bench.postgres import PostgresServer


class Outage:
    """Cuts everyone off from the test's database; the server goes on for the others."""

    def __init__(self, postgres: PostgresServer, database: str) -> None:
        self.postgres = postgres
        self.database = database

    def begin(self) -> None:
        """When this returns, the last connection is gone."""
        self.allow("false")
        others = f"FROM pg_stat_activity WHERE datname = '{self.database}'"
        self.postgres.execute(f"SELECT pg_terminate_backend(pid, 5000) {others}")

    def end(self) -> None:
        self.allow("true")

    def allow(self, connections: str) -> None:
        self.postgres.execute(f"ALTER DATABASE {self.database} WITH ALLOW_CONNECTIONS {connections}")
