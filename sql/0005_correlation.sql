-- What a request, its log line and its alert are called by is in the audit
-- row too.  Rows of before have none.

ALTER TABLE event_audit_log ADD COLUMN correlation_id text;
ALTER TABLE event_audit_log_archive ADD COLUMN correlation_id text;
