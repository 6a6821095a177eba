-- Each filter of the audit that is a value has an index in the order of the
-- audit's pages, so that a page of it, and how many there are, is read from
-- its own place.  None has more in it than a page is chosen by.

DROP INDEX event_audit_log_order;
CREATE INDEX event_audit_log_order ON event_audit_log (event_timestamp, id);

DROP INDEX event_audit_log_host;
CREATE INDEX event_audit_log_host
    ON event_audit_log (hostname, event_timestamp, id);

DROP INDEX event_audit_log_rule;
CREATE INDEX event_audit_log_rule
    ON event_audit_log (matched_rule_id, event_timestamp, id);

CREATE INDEX event_audit_log_decision
    ON event_audit_log (handling_decision, event_timestamp, id);
