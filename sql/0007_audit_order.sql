-- The order of the audit's pages, with what identifies a row, so that a page
-- is found in the index alone, however far it is.  It takes the place of the
-- index of times.

CREATE INDEX event_audit_log_order ON event_audit_log (event_timestamp, id)
    INCLUDE (event_id, received_at);
DROP INDEX event_audit_log_time;
