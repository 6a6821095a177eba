#include "mutt_sql.h"

/*
 * Parts that answers of the API have in common.  A time is RFC 3339 UTC; text
 * of an answer is inert in a page, for it has no '<'.
 */
#define UTC(t)                                                                 \
    "to_char(" t " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
#define ANSWER(json) "replace((" json ")::text, '<', '\\u003c')"

/* $1 limit, $3 page */
#define PAGINATION(count)                                                      \
    "(SELECT json_build_object('page', $3::bigint, 'limit', $1::bigint,"       \
    " 'total', n, 'pages', (n + $1::bigint - 1) / $1::bigint)"                 \
    " FROM (SELECT " count " AS n) AS counted)"

/* an opaque cursor is microseconds, a dot, and the id of the last row shown */
#define FROM_CURSOR(n)                                                         \
    "timestamptz 'epoch' + " n "::bigint * interval '1 microsecond'"
#define CURSOR(t) "(extract(epoch FROM " t ") * 1000000)::bigint || '.' || id"
#define NEXT_CURSOR(t)                                                         \
    "CASE WHEN count(*) > $1::bigint THEN max(" CURSOR(                        \
        t) ")"                                                                 \
           " FILTER (WHERE n = $1::bigint) END"

#define RULE_JSON                                                              \
    "json_build_object('id', id, 'match_string', match_string,"                \
    " 'trap_oid', trap_oid, 'syslog_severity', syslog_severity,"               \
    " 'match_type', match_type, 'priority', priority,"                         \
    " 'prod_handling', prod_handling, 'dev_handling', dev_handling,"           \
    " 'team_assignment', team_assignment, 'is_active', is_active,"             \
    " 'created_at', " UTC("created_at") ", 'updated_at', " UTC(                \
        "updated_at") ", 'deleted_at', " UTC("deleted_at") ")"

/* a change is one statement with its audit row, so that there are both */
#define AUDIT_ROW                                                              \
    "INSERT INTO config_audit_log (changed_by, operation, table_name,"         \
    " record_id, record_key, old_values, new_values, reason, correlation_id)"

const char *const mutt_sql[MUTT_SQL_TEXT_COUNT] = {
#define SQL(id, text) text,
#include "mutt_sql.def"
#undef SQL
};
