#include "mutt_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/mutt_buf.h"
#include "domain/mutt_sql.h"

#define TEXT_MAX (1u << 30)

enum { RULES, DEV_HOSTS, TEAMS, TABLES };

/* What is read of each table, in columns. */
static const struct {
    mutt_sql_t statement;
    size_t columns;
} tables[TABLES] = {
    [RULES] = { MUTT_SQL_TEXT_RULES, 9 },
    [DEV_HOSTS] = { MUTT_SQL_TEXT_DEV_HOSTS, 1 },
    [TEAMS] = { MUTT_SQL_TEXT_TEAMS, 2 },
};

struct mutt_rules_s {
    mutt_rows_t *rows[TABLES];
    char version[MUTT_RULES_VERSION];
};


static mutt_rc_t
query(mutt_pg_t *pg, mutt_sql_t statement, mutt_rows_t **rows, mutt_err_t *err)
{
    mutt_rc_t rc = mutt_pg_exec(pg, mutt_sql[statement], 0, NULL, rows, err);

    /* no data of ours is in the statement, so the server is to blame */
    return rc == MUTT_INVALID ? MUTT_UNAVAIL : rc;
}


static mutt_rc_t
read_version(mutt_pg_t *pg, mutt_rules_t *r, mutt_err_t *err)
{
    mutt_rows_t *rows = NULL;
    mutt_rc_t rc = query(pg, MUTT_SQL_TEXT_API_SET_VERSION, &rows, err);

    if (rc == MUTT_OK) {
        (void) snprintf(r->version, sizeof(r->version), "%s",
                        mutt_rows_get(rows, 0, 0));
        mutt_rows_free(rows);
    }

    return rc;
}


mutt_rc_t
mutt_rules_read(mutt_pg_t *pg, mutt_rules_t **rules, mutt_err_t *err)
{
    mutt_rules_t *r = calloc(1, sizeof(mutt_rules_t));

    if (r == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for rules");
    }

    mutt_rc_t rc = query(pg, MUTT_SQL_TEXT_RULES_LOOK, NULL, err);

    if (rc == MUTT_OK) {
        rc = read_version(pg, r, err);
    }

    for (int i = 0; i < TABLES && rc == MUTT_OK; i++) {
        rc = query(pg, tables[i].statement, &r->rows[i], err);
    }

    if (rc != MUTT_OK) {
        mutt_rules_destroy(r);
        return rc;
    }

    *rules = r;

    return MUTT_OK;
}


void
mutt_rules_destroy(mutt_rules_t *rules)
{
    if (rules == NULL) {
        return;
    }

    for (int i = 0; i < TABLES; i++) {
        mutt_rows_free(rules->rows[i]);
    }

    free(rules);
}


const char *
mutt_rules_version(const mutt_rules_t *rules)
{
    return rules->version;
}


bool
mutt_rules_digest(const mutt_rules_t *rules, unsigned char out[MUTT_SHA256_LEN])
{
    mutt_buf_t text;

    mutt_buf_init(&text, TEXT_MAX);

    for (int i = 0; i < TABLES; i++) {
        size_t n = mutt_rows_count(rules->rows[i]);

        for (size_t cell = 0; cell < n * tables[i].columns; cell++) {
            mutt_str_t value =
                mutt_str(mutt_rows_get(rules->rows[i], cell / tables[i].columns,
                                       cell % tables[i].columns));

            /* the NUL keeps neighbours apart */
            mutt_buf_add(&text, value.data, value.len + 1);
        }

        MUTT_BUF_LIT(&text, "\0\0");
    }

    bool done = mutt_buf_ok(&text) && mutt_sha256(mutt_buf_str(&text), out);

    mutt_buf_done(&text);

    return done;
}


/* A number that PostgreSQL wrote as an int. */
static int32_t
number(const char *text)
{
    return (int32_t) strtol(text, NULL, 10);
}


/* Column order is that of the RULES statement. */
static const char *
read_rule(const mutt_rows_t *rows, size_t i, mutt_rule_t *rule)
{
    const char *severity = mutt_rows_get(rows, i, 3);

    rule->id = number(mutt_rows_get(rows, i, 0));
    rule->match_string = mutt_str(mutt_rows_get(rows, i, 1));
    rule->trap_oid = mutt_str(mutt_rows_get(rows, i, 2));
    rule->severity = severity == NULL ? MUTT_SEVERITY_NONE : number(severity);
    rule->priority = number(mutt_rows_get(rows, i, 5));
    rule->team = mutt_str(mutt_rows_get(rows, i, 8));

    if (!mutt_match_type_parse(mutt_str(mutt_rows_get(rows, i, 4)),
                               &rule->type)) {
        return "unknown match_type";
    }

    if (!mutt_handling_parse(mutt_str(mutt_rows_get(rows, i, 6)),
                             &rule->prod)) {
        return "unknown prod_handling";
    }

    if (!mutt_handling_parse(mutt_str(mutt_rows_get(rows, i, 7)), &rule->dev)) {
        return "unknown dev_handling";
    }

    return NULL;
}


static mutt_rc_t
create_matcher(const mutt_rows_t *rows, const bool *outdated,
               mutt_match_report_t report, void *data, mutt_matcher_t **matcher,
               mutt_err_t *err)
{
    size_t count = mutt_rows_count(rows);
    mutt_rule_t *rules = calloc(count + 1, sizeof(mutt_rule_t));
    size_t n = 0;

    if (rules == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for rules");
    }

    for (size_t i = 0; i < count; i++) {
        const char *why = read_rule(rows, i, &rules[n]);

        if (why == NULL) {
            n++;
        } else {
            report(data, rules[n].id, why);
        }
    }

    mutt_rc_t rc =
        mutt_matcher_build(rules, n, outdated, report, data, matcher, err);

    free(rules);

    return rc;
}


static mutt_directory_t *
create_directory(const mutt_rows_t *rows, bool valued)
{
    size_t n = mutt_rows_count(rows);
    mutt_directory_entry_t *entries =
        calloc(n + 1, sizeof(mutt_directory_entry_t));

    if (entries == NULL) {
        return NULL;
    }

    for (size_t i = 0; i < n; i++) {
        entries[i].host = mutt_str(mutt_rows_get(rows, i, 0));
        entries[i].value =
            valued ? mutt_str(mutt_rows_get(rows, i, 1)) : MUTT_STR("");
    }

    mutt_directory_t *directory = mutt_directory_create(entries, n);

    free(entries);

    return directory;
}


mutt_rc_t
mutt_generation_create(const mutt_rules_t *rules, const bool *outdated,
                       mutt_match_report_t report, void *data,
                       mutt_generation_t **generation, mutt_err_t *err)
{
    mutt_generation_t *g = calloc(1, sizeof(mutt_generation_t));

    if (g == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for rules");
    }

    g->dev_hosts = create_directory(rules->rows[DEV_HOSTS], false);
    g->teams = create_directory(rules->rows[TEAMS], true);

    mutt_rc_t rc = g->dev_hosts == NULL || g->teams == NULL
                       ? mutt_fail(err, MUTT_NOMEM, "out of memory for hosts")
                       : create_matcher(rules->rows[RULES], outdated, report,
                                        data, &g->matcher, err);

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
    if (generation != NULL) {
        mutt_matcher_destroy(generation->matcher);
        mutt_directory_destroy(generation->dev_hosts);
        mutt_directory_destroy(generation->teams);
        free(generation);
    }
}
