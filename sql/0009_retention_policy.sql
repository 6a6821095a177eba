-- Retention deletes by the stored policy itself, not by Redis' mirror of it,
-- which is empty for a while when Redis has lost its data.

GRANT SELECT ON dynamic_config TO mutt_retention;
