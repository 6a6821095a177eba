-- A few rules, hosts and teams to see alerts with.  Optional; loaded by
-- "make up" into an empty private stack.

INSERT INTO alert_rules (match_string, trap_oid, syslog_severity, match_type,
                         priority, prod_handling, dev_handling,
                         team_assignment)
SELECT * FROM (VALUES
    ('link down', NULL, NULL::int, 'contains', 10,
     'Page_and_ticket', 'Log_only', 'Network'),
    (NULL, '1.3.6.1.6.3.1.1.5.3', NULL, 'oid_prefix', 20,
     'Page_and_ticket', 'Log_only', 'Network'),
    ('%BGP-\d+-ADJCHANGE.*Down', NULL, NULL, 'regex', 30,
     'Page_only', 'Ticket_only', 'Backbone'),
    ('fan (failure|failed)', NULL, NULL, 'regex', 40,
     'Ticket_only', 'Log_only', 'Datacentre'),
    ('authentication failure', NULL, NULL, 'contains', 50,
     'Ticket_only', 'Log_only', 'Security'),
    ('configured from console', NULL, NULL, 'contains', 60,
     'Log_only', 'Suppress', 'Network')
) AS sample
WHERE NOT EXISTS (SELECT 1 FROM alert_rules);

INSERT INTO development_hosts VALUES ('lab-r1'), ('lab-r2')
ON CONFLICT DO NOTHING;

INSERT INTO device_teams
VALUES ('core-r1', 'Backbone'), ('dc1-sw1', 'Datacentre')
ON CONFLICT DO NOTHING;
