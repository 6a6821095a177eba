-- Group roles, one per kind of process; login roles are made by whoever
-- installs MUTT and granted one of these.  Roles belong to the whole server,
-- so they may be there already.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['mutt_module', 'mutt_alerter',
                                'mutt_retention'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO mutt_module;
GRANT INSERT, UPDATE, DELETE
    ON alert_rules, development_hosts, device_teams, dynamic_config, api_keys
    TO mutt_module;
GRANT INSERT ON config_audit_log TO mutt_module;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO mutt_module;

GRANT SELECT ON alert_rules, development_hosts, device_teams TO mutt_alerter;
GRANT SELECT, INSERT ON event_audit_log TO mutt_alerter;
GRANT USAGE ON SEQUENCE event_audit_log_id_seq TO mutt_alerter;
GRANT EXECUTE ON FUNCTION create_audit_partition(timestamptz)
    TO mutt_alerter, mutt_retention;

GRANT SELECT, INSERT, UPDATE, DELETE
    ON event_audit_log, event_audit_log_archive TO mutt_retention;
GRANT SELECT, DELETE ON config_audit_log TO mutt_retention;
