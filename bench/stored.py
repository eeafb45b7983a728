"""A full database, loaded at once: ended jobs of ten epochs each, with all the rows that such jobs have."""

from bench.postgres import PostgresServer

EPOCHS_A_JOB = 10
TABLES = {
    "jobs": """
        INSERT INTO jobs (id, state, spec, activation, created_at, started_at, finished_at, run_after, hint_sent_at,
                          attempt, crashes, crashes_without_progress, event_seq, epochs_total, epochs_done,
                          epoch_seconds, best_epoch, best_val_loss, best_val_accuracy, test_loss, test_accuracy)
        SELECT id, 'succeeded', spec, (ARRAY['relu', 'gelu', 'elu', 'selu', 'sigmoid'])[1 + n % 5], at, at, at, at, at,
               1, 0, 0, 14, 10, 10, 2.0, 10, random(), random(), 0.1, 0.9
        FROM ids, (SELECT jsonb_build_object('activation', 'relu', 'epochs', 10, 'batch_size', 128, 'loss',
                   'binary_crossentropy', 'optimizer', '{"name": "adam", "learning_rate": 0.001}'::jsonb) AS spec)""",
    "epochs": """
        INSERT INTO epochs SELECT id, epoch, 1, 0.6, 0.7, 0.9, random(), random(), 0.95, 0.001, 2.0, 1000, at
        FROM ids, generate_series(1, 10) AS epoch""",
    "layers": """
        INSERT INTO layers SELECT id, epoch, layer, position, 0.1, 0.001, 0.2, 0.3, 0.4, 0, 0, 0
        FROM ids, generate_series(1, 10) AS epoch,
             (VALUES ('conv1', 0), ('conv2', 1), ('dense1', 2)) AS layers (layer, position)""",
    "events": """
        INSERT INTO events
        SELECT id, seq, CASE WHEN seq IN (1, 2, 13) THEN 'state' WHEN seq = 14 THEN 'end' ELSE 'epoch' END,
               CASE WHEN seq BETWEEN 3 AND 12 THEN jsonb_build_object('epoch', seq - 2)
                    ELSE jsonb_build_object('state', 'succeeded', 'reason', 'all epochs done', 'attempt', 1) END, at
        FROM ids, generate_series(1, 14) AS seq""",
    "job_metadata": "INSERT INTO job_metadata SELECT id, 'client', (n % 10)::text FROM ids",
    "checkpoints": """
        INSERT INTO checkpoints SELECT id, epoch, 1, id || '/' || epoch, repeat('0', 64), 14000000, at
        FROM ids, generate_series(9, 10) AS epoch""",
}


def store_epochs(server: PostgresServer, database: str, count: int) -> None:
    """Store this many epochs, of jobs spread over the year before; ids sort by age, as UUIDv7 does."""
    ids = f"""
        CREATE UNLOGGED TABLE ids AS
        SELECT n, '00000000-0000-7000-8000-' || lpad(n::text, 12, '0') AS id,
               now() - interval '1 year' * (1 - n / {count / EPOCHS_A_JOB}) AS at
        FROM generate_series(1, {count // EPOCHS_A_JOB}) AS n"""
    server.execute(ids, database=database)
    # Foreign keys hold by construction; checking them row by row would take most of the time.
    for statement in TABLES.values():
        server.execute(f"SET session_replication_role = replica; {statement}", database=database)
    server.execute("DROP TABLE ids", database=database)
    server.execute("VACUUM ANALYZE", database=database)
