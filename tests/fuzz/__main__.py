"""Fuzz the whole API by its OpenAPI document, then with odd requests; docs/fuzzing.md has the results.

Further options are those of `schemathesis run`, such as `--phases stateful` or `--include-path-regex sweeps`.
"""

import argparse
import sys
from collections.abc import Sequence

from tests.fuzz.odd import try_odd_requests
from tests.fuzz.schema import try_in_rounds
from tests.fuzz.target import serve_on


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--database", nargs="+", default=["sqlite", "postgres"], choices=["sqlite", "postgres"])
    parser.add_argument("--keys", action="store_true", help="with ACTIVATION_LAB_AUTH=keys, as an administrator")
    parser.add_argument("--examples", type=int, default=500, help="random requests an operation, of either kind")
    parser.add_argument("--only", choices=["schema", "odd"], help="one half of it")
    options, others = parser.parse_known_args()
    sound = [fuzz(database, options, others) for database in options.database]
    sys.exit(not all(sound))


def fuzz(database: str, options: argparse.Namespace, others: Sequence[str]) -> bool:
    """Fuzz the service on this database; returns whether it did all that it documents."""
    sound = True
    with serve_on(database, keys=options.keys) as target:
        if options.only != "odd":
            for tried in try_in_rounds(target, "--max-examples", str(options.examples), *others):
                print(f"{database}: {tried}", flush=True)
                sound = sound and tried.is_sound
        if options.only != "schema":
            asked = try_odd_requests(target, examples=options.examples)
            print(
                f"{database}: {asked.total():,} odd requests of {len(asked)} operations, without a failure", flush=True
            )
    return sound


if __name__ == "__main__":
    main()
