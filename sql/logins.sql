-- Login roles of a private stack, one per kind of process, each in its group
-- role of 0002_roles.sql.  No passwords: the server listens on a unix socket
-- that only its owner reaches.  An installation makes its own.

DO $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['module', 'alerter', 'retention'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles
                       WHERE rolname = 'mutt_' || kind || '_app') THEN
            EXECUTE format('CREATE ROLE %I LOGIN IN ROLE %I',
                           'mutt_' || kind || '_app', 'mutt_' || kind);
        END IF;
    END LOOP;
END
$$;
