#include "mutt_rules.h"

#include <stdlib.h>

#include "domain/mutt_sql.h"


static mutt_rc_t
query(mutt_pg_t *pg, mutt_sql_t statement, mutt_rows_t **rows, mutt_err_t *err)
{
    mutt_rc_t rc = mutt_pg_exec(pg, mutt_sql[statement], 0, NULL, rows, err);

    /* no data of ours is in the statement, so the server is to blame */
    return rc == MUTT_INVALID ? MUTT_UNAVAIL : rc;
}


/* Column order is that of the RULES statement. */
static bool
read_rule(const mutt_rows_t *rows, size_t i, mutt_rule_t *rule)
{
    const char *severity = mutt_rows_get(rows, i, 3);

    rule->id = (int32_t) atoi(mutt_rows_get(rows, i, 0));
    rule->match_string = mutt_str(mutt_rows_get(rows, i, 1));
    rule->trap_oid = mutt_str(mutt_rows_get(rows, i, 2));
    rule->severity = severity == NULL ? MUTT_SEVERITY_NONE : atoi(severity);
    rule->priority = (int32_t) atoi(mutt_rows_get(rows, i, 5));
    rule->team = mutt_str(mutt_rows_get(rows, i, 8));

    return mutt_match_type_parse(mutt_str(mutt_rows_get(rows, i, 4)),
                                 &rule->type) &&
           mutt_handling_parse(mutt_str(mutt_rows_get(rows, i, 6)),
                               &rule->prod) &&
           mutt_handling_parse(mutt_str(mutt_rows_get(rows, i, 7)), &rule->dev);
}


static mutt_rc_t
load_matcher(mutt_pg_t *pg, mutt_match_report_t report, void *data,
             mutt_matcher_t **matcher, mutt_err_t *err)
{
    mutt_rows_t *rows;
    mutt_rc_t rc = query(pg, MUTT_SQL_TEXT_RULES, &rows, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    size_t count = mutt_rows_count(rows);
    mutt_rule_t *rules = calloc(count + 1, sizeof(mutt_rule_t));
    size_t n = 0;

    for (size_t i = 0; rules != NULL && i < count; i++) {
        if (read_rule(rows, i, &rules[n])) {
            n++;
        } else {
            report(data, rules[n].id, "unknown match type or handling");
        }
    }

    rc = rules == NULL
             ? mutt_fail(err, MUTT_NOMEM, "out of memory for rules")
             : mutt_matcher_create(rules, n, report, data, matcher, err);

    free(rules);
    mutt_rows_free(rows);

    return rc;
}


static mutt_rc_t
load_directory(mutt_pg_t *pg, mutt_sql_t statement, bool valued,
               mutt_directory_t **directory, mutt_err_t *err)
{
    mutt_rows_t *rows;
    mutt_rc_t rc = query(pg, statement, &rows, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    size_t n = mutt_rows_count(rows);
    mutt_directory_entry_t *entries =
        calloc(n + 1, sizeof(mutt_directory_entry_t));

    for (size_t i = 0; entries != NULL && i < n; i++) {
        entries[i].host = mutt_str(mutt_rows_get(rows, i, 0));
        entries[i].value =
            valued ? mutt_str(mutt_rows_get(rows, i, 1)) : MUTT_STR("");
    }

    *directory = entries == NULL ? NULL : mutt_directory_create(entries, n);
    free(entries);
    mutt_rows_free(rows);

    return *directory == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for hosts")
               : MUTT_OK;
}


mutt_rc_t
mutt_generation_load(mutt_pg_t *pg, mutt_match_report_t report, void *data,
                     mutt_generation_t **generation, mutt_err_t *err)
{
    mutt_generation_t *g = calloc(1, sizeof(mutt_generation_t));

    if (g == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for rules");
    }

    mutt_rc_t rc = load_matcher(pg, report, data, &g->matcher, err);

    if (rc == MUTT_OK) {
        rc = load_directory(pg, MUTT_SQL_TEXT_DEV_HOSTS, false, &g->dev_hosts,
                            err);
    }

    if (rc == MUTT_OK) {
        rc = load_directory(pg, MUTT_SQL_TEXT_TEAMS, true, &g->teams, err);
    }

    if (rc != MUTT_OK) {
        mutt_generation_destroy(g);
        return rc;
    }

    *generation = g;

    return MUTT_OK;
}


void
mutt_generation_destroy(mutt_generation_t *generation)
{
    if (generation == NULL) {
        return;
    }

    mutt_matcher_destroy(generation->matcher);

    if (generation->dev_hosts != NULL) {
        mutt_directory_destroy(generation->dev_hosts);
    }

    if (generation->teams != NULL) {
        mutt_directory_destroy(generation->teams);
    }

    free(generation);
}
