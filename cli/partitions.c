/* muttdev partitions: the months of the audit log. */

#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "domain/mutt_sql.h"
#include "io/mutt_pg.h"

#define MONTHS_DEFAULT 3
#define MONTHS_MAX 120

static int run(const options_t *options);

static struct {
    long months;
    bool dry;
    bool stats;
} given = { .months = MONTHS_DEFAULT };

static const option_t takes[] = {
    { "months", 0, OPTION_COUNT, &given.months, 0, MONTHS_MAX },
    { "dry-run", 0, OPTION_FLAG, &given.dry, 0, 0 },
    { "stats", 0, OPTION_FLAG, &given.stats, 0, 0 },
    { 0 },
};

const muttdev_command_t muttdev_partitions = {
    .name = "partitions",
    .synopsis = "[--months N] [--dry-run] [--stats]",
    .summary = "make the audit log's months ahead, or show those there are",
    .help = "\nMakes the months that are missing up to N (3) ahead, as "
            "mutt-retention does each\nday; --dry-run only tells, --stats "
            "shows rows, which PostgreSQL estimates,\nand size of each. Asks "
            "PostgreSQL itself, at DATABASE_URL, not --url.\n" OPTIONS_HELP,
    .own = takes,
    .run = run,
};

static const column_t months[] = {
    { "MONTH", "month" },
    { "PARTITION", "name" },
    { "STATE", "state" },
    { NULL, NULL },
};

static const column_t stats[] = {
    { "PARTITION", "name" }, { "FROM", "first" },  { "TO", "next" },
    { "ROWS", "rows" },      { "BYTES", "bytes" }, { NULL, NULL },
};


/* A field of a row as JSON, a number where it is one. */
static json_t *
cell(const mutt_rows_t *rows, size_t row, size_t column, bool number)
{
    const char *text = mutt_rows_get(rows, row, column);

    if (text == NULL) {
        return json_null();
    }

    return number ? json_integer(strtoll(text, NULL, 10)) : json_string(text);
}


static mutt_rc_t
read_stats(mutt_pg_t *pg, json_t *list, mutt_err_t *err)
{
    mutt_rows_t *rows;
    mutt_rc_t rc = mutt_pg_exec(pg, mutt_sql[MUTT_SQL_TEXT_PARTITION_STATS], 0,
                                NULL, &rows, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    for (size_t i = 0; i < mutt_rows_count(rows); i++) {
        json_t *row = json_object();

        for (size_t k = 0; stats[k].title != NULL; k++) {
            (void) json_object_set_new(row, stats[k].member,
                                       cell(rows, i, k, k > 2));
        }

        (void) json_array_append_new(list, row);
    }

    mutt_rows_free(rows);

    return MUTT_OK;
}


/* A month that is missing: made, unless it is only asked for. */
static mutt_rc_t
make(mutt_pg_t *pg, const char *month, bool dry, json_t *row, mutt_err_t *err)
{
    if (dry) {
        (void) json_object_set_new(row, "state", json_string("would be made"));
        return MUTT_OK;
    }

    mutt_rc_t rc = mutt_pg_exec(pg, mutt_sql[MUTT_SQL_TEXT_PARTITION], 1,
                                &month, NULL, err);

    if (rc == MUTT_OK) {
        (void) json_object_set_new(row, "state", json_string("made"));
    }

    return rc;
}


static mutt_rc_t
make_months(mutt_pg_t *pg, long ahead, bool dry, json_t *list, mutt_err_t *err)
{
    char count[24];
    const char *params[] = { count };
    mutt_rows_t *rows;

    (void) snprintf(count, sizeof(count), "%ld", ahead);

    mutt_rc_t rc = mutt_pg_exec(pg, mutt_sql[MUTT_SQL_TEXT_PARTITION_MONTHS], 1,
                                params, &rows, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    for (size_t i = 0; rc == MUTT_OK && i < mutt_rows_count(rows); i++) {
        json_t *row =
            json_pack("{s:o, s:o, s:s}", "month", cell(rows, i, 1, false),
                      "name", cell(rows, i, 2, false), "state", "there");

        if (mutt_rows_get(rows, i, 3) == NULL) {
            rc = make(pg, mutt_rows_get(rows, i, 0), dry, row, err);
        }

        if (rc == MUTT_OK) {
            (void) json_array_append(list, row);
        }

        json_decref(row);
    }

    mutt_rows_free(rows);

    return rc;
}


static int
run(const options_t *options)
{
    mutt_err_t err = { 0 };
    mutt_settings_t *settings = NULL;
    mutt_pg_t *pg = NULL;
    json_t *list = json_array();
    int status;
    mutt_rc_t rc = muttdev_settings(&settings, &err);

    if (rc == MUTT_OK) {
        pg = mutt_pg_create(settings, "muttdev");
        rc = pg == NULL ? mutt_fail(&err, MUTT_NOMEM, "out of memory")
                        : mutt_pg_connect(pg, &err);
    }

    if (rc == MUTT_OK) {
        rc = given.stats ? read_stats(pg, list, &err)
                         : make_months(pg, given.months, given.dry, list, &err);
    }

    if (rc != MUTT_OK) {
        status = api_store_failed(&muttdev_partitions, &err);
    } else if (options->json) {
        json_t *all = json_pack("{s:O}", "partitions", list);

        status = print_json(all, true);
        json_decref(all);
    } else {
        status = MUTTDEV_DONE;
        print_table(list, given.stats ? stats : months);
    }

    mutt_pg_destroy(pg);
    mutt_settings_destroy(settings);
    json_decref(list);

    return status;
}
