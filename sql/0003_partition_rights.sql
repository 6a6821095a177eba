-- A function may be called by everybody unless this is said.

REVOKE EXECUTE ON FUNCTION create_audit_partition(timestamptz) FROM PUBLIC;
