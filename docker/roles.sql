-- The roles of API and worker, with the rights that each needs and no others; the role that runs this owns the tables.
-- It is to be run after each migration, in one transaction. The passwords are settings of the session:
--   PGOPTIONS="-c lab.api=... -c lab.worker=..." psql --single-transaction --file=docker/roles.sql URL

DO $$
DECLARE
    part text;
    name text;
BEGIN
    FOREACH part IN ARRAY ARRAY['api', 'worker'] LOOP
        name := 'activation_lab_' || part;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
        EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L', name, current_setting('lab.' || part));
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM activation_lab_api, activation_lab_worker;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO activation_lab_api;
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM activation_lab_api;

-- Nothing of these: activations, api_keys, idempotency_keys, job_metadata, sweeps.
GRANT SELECT ON alembic_version TO activation_lab_worker;
GRANT SELECT, UPDATE ON jobs TO activation_lab_worker;
GRANT SELECT, INSERT ON epochs, events, layers, learnt_parameters TO activation_lab_worker;
GRANT SELECT, INSERT, DELETE ON checkpoints, lost_leases TO activation_lab_worker;
GRANT SELECT, UPDATE, DELETE ON predictions TO activation_lab_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON workers TO activation_lab_worker;
