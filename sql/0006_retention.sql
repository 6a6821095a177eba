-- What retention does with partitions: the functions run with the rights of
-- their owner, so that retention needs none on the schema, and each drops only
-- what may be dropped whoever calls it.

-- The partitions of a table that are named by their month or year.
CREATE FUNCTION named_partitions(parent regclass)
RETURNS TABLE (name text, first timestamptz, next timestamptz)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT relname::text, begins,
        (begins AT TIME ZONE 'UTC' + CASE WHEN part[2] IS NULL
            THEN interval '1 year' ELSE interval '1 month' END)
            AT TIME ZONE 'UTC'
    FROM (SELECT c.relname, part, make_timestamptz(part[1]::int,
            coalesce(part[2], '1')::int, 1, 0, 0, 0, 'UTC') AS begins
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
            LATERAL regexp_match(c.relname,
                '^event_audit_log(?:_archive)?_(\d{4})(?:_(\d\d))?$') AS part
        WHERE i.inhparent = parent AND part IS NOT NULL) AS found
$$;

CREATE FUNCTION create_archive_partition(moment timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first timestamptz := date_trunc('year', moment, 'UTC');
    next  timestamptz := date_trunc('year', first + interval '370 days', 'UTC');
    name  text := 'event_audit_log_archive_'
                  || to_char(first AT TIME ZONE 'UTC', 'YYYY');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('event_audit_log_partitions'));
    IF to_regclass(name) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF event_audit_log_archive '
            'FOR VALUES FROM (%L) TO (%L)', name, first, next);
    END IF;
END
$$;

-- Drops the partition of a month when it has so many rows and the archive has
-- no fewer of that month: returns the number, or -1 and nothing was done.
CREATE FUNCTION drop_archived_partition(month timestamptz, expected bigint)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET lock_timeout = '2s' AS $$
DECLARE
    part     record;
    live     bigint;
    archived bigint;
BEGIN
    SELECT * INTO part FROM named_partitions('event_audit_log')
        WHERE first = month;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    -- late rows wait for the end of this, readers do not
    EXECUTE format('LOCK TABLE %I IN SHARE MODE', part.name);
    EXECUTE format('SELECT count(*) FROM %I', part.name) INTO live;
    SELECT count(*) INTO archived FROM event_audit_log_archive
        WHERE received_at >= part.first AND received_at < part.next;
    IF live <> expected OR archived < live THEN
        RETURN -1;
    END IF;
    EXECUTE format('DROP TABLE %I', part.name);
    RETURN live;
END
$$;

-- Drops a year of the archive that ended a year ago or before: returns how
-- many rows it had.
CREATE FUNCTION drop_archive_year(year timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET lock_timeout = '2s' AS $$
DECLARE
    part record;
    n    bigint;
BEGIN
    SELECT * INTO part FROM named_partitions('event_audit_log_archive')
        WHERE first = year AND next <= now() - interval '365 days';
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    EXECUTE format('SELECT count(*) FROM %I', part.name) INTO n;
    EXECUTE format('DROP TABLE %I', part.name);
    RETURN n;
END
$$;

-- Rows in a default partition, which MUTT does not make; at most 100001 are
-- counted.
CREATE FUNCTION default_partition_rows() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    part oid := (SELECT partdefid FROM pg_partitioned_table
                 WHERE partrelid = 'event_audit_log'::regclass);
    n    bigint := 0;
BEGIN
    IF part <> 0 THEN
        EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM %s LIMIT 100001)
            AS counted', part::regclass) INTO n;
    END IF;
    RETURN n;
END
$$;

REVOKE EXECUTE ON FUNCTION create_archive_partition(timestamptz),
    drop_archived_partition(timestamptz, bigint),
    drop_archive_year(timestamptz), default_partition_rows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_archive_partition(timestamptz),
    drop_archived_partition(timestamptz, bigint),
    drop_archive_year(timestamptz), default_partition_rows()
    TO mutt_retention;
