-- The tables of MUTT.  Rules, hosts and teams are small and written by
-- people; event_audit_log grows by a row per matched event and is written by
-- the alerter alone, in batches.

CREATE TABLE alert_rules (
    id              serial PRIMARY KEY,
    match_string    text,
    trap_oid        text,
    syslog_severity int CHECK (syslog_severity BETWEEN 0 AND 7),
    match_type      text NOT NULL DEFAULT 'contains'
                    CHECK (match_type IN ('contains', 'regex', 'oid_prefix')),
    priority        int NOT NULL DEFAULT 100,
    prod_handling   text NOT NULL,
    dev_handling    text NOT NULL,
    team_assignment text NOT NULL,
    is_active       boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CHECK (match_string IS NOT NULL OR trap_oid IS NOT NULL)
);

-- the alerter's load, in the order in which rules are tried
CREATE INDEX alert_rules_active ON alert_rules (priority, id)
    WHERE is_active AND deleted_at IS NULL;

CREATE TABLE development_hosts (
    hostname text PRIMARY KEY
);
CREATE UNIQUE INDEX development_hosts_lower
    ON development_hosts (lower(hostname));

CREATE TABLE device_teams (
    hostname        text PRIMARY KEY,
    team_assignment text NOT NULL
);
CREATE UNIQUE INDEX device_teams_lower ON device_teams (lower(hostname));

-- the source of truth of live settings; Redis mirrors it
CREATE TABLE dynamic_config (
    key        text PRIMARY KEY,
    value      text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL
);

CREATE TABLE api_keys (
    id         bigserial PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    key_hash   bytea NOT NULL UNIQUE,
    scopes     text[] NOT NULL,
    rate_limit int,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

-- One row an event that matched.  received_at is fixed at ingest and travels
-- with the event, so that a redelivered batch meets its own rows; it is the
-- partition key for the same reason.  No DEFAULT partition: rows in it would
-- block creating the right month.
CREATE SEQUENCE event_audit_log_id_seq;

CREATE TABLE event_audit_log (
    event_id          uuid NOT NULL,
    received_at       timestamptz NOT NULL,
    -- an identity column would not reach the partitions before PostgreSQL 17
    id                bigint NOT NULL
                      DEFAULT nextval('event_audit_log_id_seq'),
    event_timestamp   timestamptz NOT NULL,
    hostname          text NOT NULL,
    matched_rule_id   int,
    handling_decision text NOT NULL,
    forwarded_to_moog boolean NOT NULL,
    raw_message       text NOT NULL,
    PRIMARY KEY (event_id, received_at)
) PARTITION BY RANGE (received_at);

CREATE INDEX event_audit_log_received ON event_audit_log (received_at, id);
CREATE INDEX event_audit_log_time ON event_audit_log (event_timestamp);
CREATE INDEX event_audit_log_host
    ON event_audit_log (hostname, event_timestamp);
CREATE INDEX event_audit_log_rule
    ON event_audit_log (matched_rule_id, event_timestamp);

CREATE TABLE event_audit_log_archive (
    event_id                uuid NOT NULL,
    received_at             timestamptz NOT NULL,
    id                      bigint NOT NULL,
    event_timestamp         timestamptz NOT NULL,
    hostname                text NOT NULL,
    matched_rule_id         int,
    handling_decision       text NOT NULL,
    forwarded_to_moog       boolean NOT NULL,
    raw_message             text NOT NULL,
    archived_at             timestamptz NOT NULL DEFAULT now(),
    archived_from_partition text NOT NULL,
    PRIMARY KEY (event_id, received_at)
) PARTITION BY RANGE (received_at);

CREATE INDEX event_audit_log_archive_received
    ON event_audit_log_archive (received_at, id);
CREATE INDEX event_audit_log_archive_host
    ON event_audit_log_archive (hostname);

CREATE TABLE config_audit_log (
    id             bigserial PRIMARY KEY,
    changed_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     text NOT NULL,
    operation      text NOT NULL
                   CHECK (operation IN ('CREATE', 'UPDATE', 'DELETE')),
    table_name     text NOT NULL,
    record_id      int,
    record_key     text NOT NULL,
    old_values     jsonb,
    new_values     jsonb,
    reason         text,
    correlation_id text CHECK (length(correlation_id) <= 128)
);

CREATE INDEX config_audit_log_time ON config_audit_log (changed_at, id);
CREATE INDEX config_audit_log_record
    ON config_audit_log (table_name, record_key);
CREATE INDEX config_audit_log_by ON config_audit_log (changed_by);
CREATE INDEX config_audit_log_correlation
    ON config_audit_log (correlation_id);

-- Creates the partition of a month, once, whoever asks first.  Runs with the
-- rights of its owner, so that the alerter needs none on the schema.
CREATE FUNCTION create_audit_partition(month timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first timestamptz := date_trunc('month', month, 'UTC');
    next  timestamptz := date_trunc('month', first + interval '32 days', 'UTC');
    name  text := 'event_audit_log_'
                  || to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('event_audit_log_partitions'));
    IF to_regclass(name) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF event_audit_log '
            'FOR VALUES FROM (%L) TO (%L)', name, first, next);
    END IF;
END
$$;
