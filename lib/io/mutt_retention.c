#include "mutt_retention.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/mutt_metrics.h"
#include "core/mutt_failpoint.h"
#include "core/mutt_time.h"
#include "domain/mutt_sql.h"
#include "mutt_audit.h"
#include "mutt_pg.h"
#include "mutt_prune.h"

/* Redis' clock and PostgreSQL's may differ by this */
#define CLOCKS_APART 3600

/* how often a month may change while it is archived */
#define TRIES 3

#define NUMBER 24
#define TIME 48
#define TEXT 256

/* The month in hand, and the last row that is in the archive as it is. */
typedef struct {
    bool open;
    int tries;
    char name[64];
    char first[TIME];
    char next[TIME];
    char at[TIME];
    char id[NUMBER];
    int64_t verified;
} month_t;

struct mutt_retention_s {
    const mutt_settings_t *settings;
    mutt_pg_t *pg;
    mutt_json_reader_t *reader;
    uint64_t *metrics;
    void (*tell)(void *data, const char *text);
    void *data;
    bool dry;

    mutt_retention_policy_t policy;
    size_t task;
    bool failed;
    bool unknown;       /* the policy, or the time */
    mutt_usec_t now;    /* by PostgreSQL */
    mutt_usec_t cutoff; /* of dead letters */
    int64_t passed;     /* months that stay: failed, or shown by a dry run */
    month_t month;
    mutt_prune_t prune;
    int64_t letters; /* deleted, and not told of yet */
};

typedef mutt_rc_t (*task_pt)(mutt_retention_t *r, mutt_redis_t *redis,
                             mutt_err_t *err);


mutt_retention_policy_t
mutt_retention_policy(const mutt_settings_t *s)
{
    mutt_retention_policy_t policy;

    /* compared as bytes */
    memset(&policy, 0, sizeof(policy));
    policy.event_days = mutt_set_int(s, MUTT_SET_EVENT_RETENTION_DAYS);
    policy.archive_years =
        mutt_set_int(s, MUTT_SET_EVENT_ARCHIVE_RETENTION_YEARS);
    policy.change_days = mutt_set_int(s, MUTT_SET_CONFIG_AUDIT_RETENTION_DAYS);
    policy.letter_days = mutt_set_int(s, MUTT_SET_DLQ_RETENTION_DAYS);
    policy.enforced = mutt_set_bool(s, MUTT_SET_RETENTION_ENFORCEMENT_ENABLED);

    return policy;
}


mutt_retention_t *
mutt_retention_create(const mutt_settings_t *settings, bool dry,
                      uint64_t *metrics,
                      void (*tell)(void *data, const char *text), void *data)
{
    mutt_retention_t *r = calloc(1, sizeof(mutt_retention_t));

    if (r == NULL) {
        return NULL;
    }

    r->settings = settings;
    r->dry = dry;
    r->metrics = metrics;
    r->tell = tell;
    r->data = data;
    r->pg = mutt_pg_create(settings, "mutt-retention");
    r->reader = mutt_json_reader_create();

    if (r->pg == NULL || r->reader == NULL) {
        mutt_retention_destroy(r);
        return NULL;
    }

    return r;
}


void
mutt_retention_destroy(mutt_retention_t *r)
{
    if (r != NULL) {
        mutt_pg_destroy(r->pg);
        mutt_json_reader_destroy(r->reader);
        free(r);
    }
}


static void say(mutt_retention_t *r, const char *fmt, ...) MUTT_PRINTF(2, 3);


static void
say(mutt_retention_t *r, const char *fmt, ...)
{
    char text[TEXT];
    va_list args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    r->tell(r->data, text);
}


static const char *
number(char out[NUMBER], int64_t n)
{
    (void) snprintf(out, NUMBER, "%lld", (long long) n);

    return out;
}


static int64_t
int_at(const mutt_rows_t *rows, size_t row, size_t column)
{
    const char *text = mutt_rows_get(rows, row, column);

    return text == NULL ? 0 : strtoll(text, NULL, 10);
}


static void
copy_text(char *out, size_t size, const mutt_rows_t *rows, size_t row,
          size_t column)
{
    const char *text = mutt_rows_get(rows, row, column);

    (void) snprintf(out, size, "%s", text == NULL ? "" : text);
}


static mutt_rc_t
ask(mutt_retention_t *r, mutt_sql_t statement, size_t n,
    const char *const *params, mutt_rows_t **rows, mutt_err_t *err)
{
    return mutt_pg_exec(r->pg, mutt_sql[statement], n, params, rows, err);
}


/* A statement whose answer is one number. */
static mutt_rc_t
ask_number(mutt_retention_t *r, mutt_sql_t statement, size_t n,
           const char *const *params, int64_t *answer, mutt_err_t *err)
{
    mutt_rows_t *rows;
    mutt_rc_t rc = ask(r, statement, n, params, &rows, err);

    if (rc == MUTT_OK) {
        *answer = mutt_rows_count(rows) == 0 ? 0 : int_at(rows, 0, 0);
        mutt_rows_free(rows);
    }

    return rc;
}


/* A stored setting, as one of those that are live. */
static void
keep_stored(mutt_str_t *values, const char *key, const char *value)
{
    size_t n;
    const mutt_setting_t *live = mutt_settings_live(&n);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(mutt_setting_rows[live[i]].name, key) == 0) {
            values[i] = mutt_str(value);
        }
    }
}


static void
tell_policy(const mutt_retention_t *r)
{
    mutt_metric_set(r->metrics, MUTT_M_RETENTION_POLICY_EVENTS,
                    (double) r->policy.event_days);
    mutt_metric_set(r->metrics, MUTT_M_RETENTION_POLICY_ARCHIVE,
                    (double) r->policy.archive_years * 365);
    mutt_metric_set(r->metrics, MUTT_M_RETENTION_POLICY_CHANGES,
                    (double) r->policy.change_days);
    mutt_metric_set(r->metrics, MUTT_M_RETENTION_POLICY_LETTERS,
                    (double) r->policy.letter_days);
}


/* Redis' mirror of it may be empty, and the defaults are no policy then. */
static mutt_rc_t
read_policy(mutt_retention_t *r, mutt_redis_t *redis, mutt_err_t *err)
{
    mutt_str_t values[MUTT_SETTING_COUNT] = { 0 };
    mutt_rows_t *rows;
    size_t bad = 0;
    mutt_rc_t rc = ask(r, MUTT_SQL_TEXT_RETENTION_POLICY, 0, NULL, &rows, err);

    (void) redis;

    if (rc != MUTT_OK) {
        return rc;
    }

    for (size_t i = 0; i < mutt_rows_count(rows); i++) {
        keep_stored(values, mutt_rows_get(rows, i, 0),
                    mutt_rows_get(rows, i, 1));
    }

    mutt_settings_t *stored = mutt_settings_apply(r->settings, values, &bad);

    mutt_rows_free(rows);

    if (stored == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for the policy");
    }

    r->policy = mutt_retention_policy(stored);
    mutt_settings_destroy(stored);
    tell_policy(r);

    return MUTT_AGAIN;
}


/* Nothing is deleted by a clock that another one contradicts. */
static mutt_rc_t
look_at_clocks(mutt_retention_t *r, mutt_redis_t *redis, mutt_err_t *err)
{
    char days[NUMBER];
    mutt_rows_t *rows;
    const mutt_reply_t *reply;
    mutt_rc_t rc = ask(r, MUTT_SQL_TEXT_RETENTION_CLOCK, 1,
                       (const char *[]) { number(days, r->policy.letter_days) },
                       &rows, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    int64_t now = int_at(rows, 0, 0);

    r->now = now * MUTT_USEC_SEC;
    r->cutoff = int_at(rows, 0, 1);
    mutt_rows_free(rows);

    rc = mutt_redis_call(redis, 1, (mutt_str_t[]) { MUTT_STR("TIME") }, 0,
                         &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    int64_t other = reply->type == MUTT_REPLY_ARRAY && reply->n == 2
                        ? mutt_str_count(reply->items[0]->str)
                        : 0;

    return llabs(other - now) <= CLOCKS_APART
               ? MUTT_AGAIN
               : mutt_fail(err, MUTT_INVALID,
                           "the clocks of redis and postgresql are %lld s "
                           "apart, nothing is deleted",
                           llabs(other - now));
}


static mutt_rc_t
make_partitions(mutt_retention_t *r, mutt_redis_t *redis, mutt_err_t *err)
{
    int months =
        (int) mutt_set_int(r->settings, MUTT_SET_RETENTION_PRECREATE_MONTHS);

    (void) redis;

    mutt_rc_t rc =
        r->dry ? MUTT_OK : mutt_audit_partitions(r->pg, r->now, months, err);

    return rc == MUTT_OK ? MUTT_AGAIN : rc;
}


static void
rewind_month(month_t *m)
{
    (void) snprintf(m->at, sizeof(m->at), "-infinity");
    (void) snprintf(m->id, sizeof(m->id), "0");
    m->verified = 0;
}


/* Opens the oldest month that is to go; MUTT_AGAIN: there is none. */
static mutt_rc_t
open_month(mutt_retention_t *r, mutt_err_t *err)
{
    char days[NUMBER];
    char offset[NUMBER];
    mutt_rows_t *rows;
    month_t *m = &r->month;
    mutt_rc_t rc = ask(r, MUTT_SQL_TEXT_RETENTION_MONTH, 2,
                       (const char *[]) { number(days, r->policy.event_days),
                                          number(offset, r->passed) },
                       &rows, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    bool any = mutt_rows_count(rows) > 0;

    if (any) {
        copy_text(m->name, sizeof(m->name), rows, 0, 0);
        copy_text(m->first, sizeof(m->first), rows, 0, 1);
        copy_text(m->next, sizeof(m->next), rows, 0, 2);
    }

    mutt_rows_free(rows);

    if (!any) {
        return MUTT_AGAIN;
    }

    m->tries = 0;
    rewind_month(m);

    if (!r->dry) {
        rc = ask(r, MUTT_SQL_TEXT_RETENTION_ARCHIVE_PARTITION, 1,
                 (const char *[]) { m->first }, NULL, err);
    }

    m->open = rc == MUTT_OK && !r->dry;

    return rc;
}


static mutt_rc_t
show_month(mutt_retention_t *r, mutt_err_t *err)
{
    int64_t n = 0;
    mutt_rc_t rc =
        ask_number(r, MUTT_SQL_TEXT_RETENTION_COUNT, 2,
                   (const char *[]) { r->month.first, r->month.next }, &n, err);

    if (rc == MUTT_OK) {
        say(r, "%s would be archived and dropped: %lld rows", r->month.name,
            (long long) n);
        r->passed++;
    }

    return rc;
}


/* Every row of a batch has to be in the archive as it is. */
static mutt_rc_t
verify(mutt_retention_t *r, const char *at, const char *id, mutt_err_t *err)
{
    mutt_rows_t *rows;
    month_t *m = &r->month;
    mutt_rc_t rc =
        ask(r, MUTT_SQL_TEXT_RETENTION_VERIFY, 6,
            (const char *[]) { m->at, m->id, at, id, m->first, m->next }, &rows,
            err);

    if (rc != MUTT_OK) {
        return rc;
    }

    int64_t live = int_at(rows, 0, 0);
    int64_t same = int_at(rows, 0, 1);

    mutt_rows_free(rows);

    if (live != same) {
        return mutt_fail(err, MUTT_INVALID,
                         "%lld rows of %s are not in the archive as they are, "
                         "it is not dropped",
                         (long long) (live - same), m->name);
    }

    m->verified += live;

    return MUTT_OK;
}


/* Copies the next rows; *n of them, 0 at the end. */
static mutt_rc_t
copy_batch(mutt_retention_t *r, int64_t *n, mutt_err_t *err)
{
    char size[NUMBER];
    char at[TIME];
    char id[NUMBER];
    mutt_rows_t *rows;
    month_t *m = &r->month;
    mutt_rc_t rc =
        ask(r, MUTT_SQL_TEXT_RETENTION_COPY, 6,
            (const char *[]) {
                m->first, m->next, m->at, m->id,
                number(size, mutt_set_int(r->settings,
                                          MUTT_SET_RETENTION_BATCH_SIZE)),
                m->name },
            &rows, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    *n = mutt_rows_count(rows) == 0 ? 0 : int_at(rows, 0, 2);

    if (*n > 0) {
        copy_text(at, sizeof(at), rows, 0, 0);
        copy_text(id, sizeof(id), rows, 0, 1);
        mutt_metric_add(r->metrics, MUTT_M_RETENTION_ARCHIVED_ALL,
                        (uint64_t) int_at(rows, 0, 3));
    }

    mutt_rows_free(rows);
    MUTT_PASS("retention.copied");

    if (*n > 0) {
        rc = verify(r, at, id, err);
    }

    if (rc == MUTT_OK && *n > 0) {
        memcpy(m->at, at, sizeof(at));
        memcpy(m->id, id, sizeof(id));
    }

    return rc;
}


/* Drops the month, unless it has changed meanwhile: then it is copied again. */
static mutt_rc_t
drop_month(mutt_retention_t *r, mutt_err_t *err)
{
    char verified[NUMBER];
    int64_t dropped = 0;
    month_t *m = &r->month;
    mutt_rc_t rc =
        ask_number(r, MUTT_SQL_TEXT_RETENTION_DROP, 2,
                   (const char *[]) { m->first, number(verified, m->verified) },
                   &dropped, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    MUTT_PASS("retention.dropped");

    if (dropped >= 0) {
        say(r, "%s is archived and dropped: %lld rows", m->name,
            (long long) dropped);
        mutt_metric_add(r->metrics, MUTT_M_RETENTION_EVENTS_ALL,
                        (uint64_t) dropped);
        m->open = false;
        return MUTT_OK;
    }

    rewind_month(m);

    return ++m->tries < TRIES
               ? MUTT_OK
               : mutt_fail(err, MUTT_INVALID,
                           "%s changes while it is archived, it is not dropped",
                           m->name);
}


static mutt_rc_t
archive(mutt_retention_t *r, mutt_redis_t *redis, mutt_err_t *err)
{
    int64_t n = 0;
    mutt_rc_t rc = MUTT_OK;

    (void) redis;

    if (!r->month.open) {
        rc = open_month(r, err);
    }

    if (rc == MUTT_OK && r->dry) {
        return show_month(r, err);
    }

    if (rc == MUTT_OK) {
        rc = copy_batch(r, &n, err);
    }

    return rc == MUTT_OK && n == 0 ? drop_month(r, err) : rc;
}


/* Drops a year of the archive, the first of the rows. */
static mutt_rc_t
drop_year(mutt_retention_t *r, const mutt_rows_t *years, mutt_err_t *err)
{
    int64_t n = 0;
    mutt_rc_t rc =
        ask_number(r, MUTT_SQL_TEXT_RETENTION_DROP_YEAR, 1,
                   (const char *[]) { mutt_rows_get(years, 0, 1) }, &n, err);

    if (rc == MUTT_OK) {
        say(r, "%s is deleted: %lld rows", mutt_rows_get(years, 0, 0),
            (long long) n);
        mutt_metric_add(r->metrics, MUTT_M_CLEANUP_DELETED_EVENTS,
                        (uint64_t) n);
    }

    return rc;
}


static mutt_rc_t
expire(mutt_retention_t *r, mutt_redis_t *redis, mutt_err_t *err)
{
    char years[NUMBER];
    mutt_rows_t *rows;

    (void) redis;

    if (r->policy.archive_years * 365 <= r->policy.event_days) {
        return mutt_fail(err, MUTT_INVALID,
                         "event_archive_retention_years is not longer than "
                         "event_retention_days, no archive is deleted");
    }

    mutt_rc_t rc =
        ask(r, MUTT_SQL_TEXT_RETENTION_YEAR, 1,
            (const char *[]) { number(years, r->policy.archive_years) }, &rows,
            err);

    if (rc != MUTT_OK) {
        return rc;
    }

    size_t n = mutt_rows_count(rows);

    for (size_t i = 0; r->dry && i < n; i++) {
        say(r, "%s would be deleted", mutt_rows_get(rows, i, 0));
    }

    if (n > 0 && !r->dry) {
        rc = drop_year(r, rows, err);
    }

    mutt_rows_free(rows);

    return rc == MUTT_OK && (n <= 1 || r->dry) ? MUTT_AGAIN : rc;
}


static mutt_rc_t
delete_changes(mutt_retention_t *r, mutt_redis_t *redis, mutt_err_t *err)
{
    char days[NUMBER];
    char size[NUMBER];
    int64_t n = 0;
    const char *params[] = {
        number(days, r->policy.change_days),
        number(size, mutt_set_int(r->settings, MUTT_SET_RETENTION_BATCH_SIZE))
    };

    (void) redis;

    mutt_rc_t rc = ask_number(r,
                              r->dry ? MUTT_SQL_TEXT_RETENTION_CHANGES_COUNT
                                     : MUTT_SQL_TEXT_RETENTION_CHANGES,
                              r->dry ? 1 : 2, params, &n, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    if (r->dry) {
        say(r, "config_audit_log: %lld rows would be deleted", (long long) n);
        return MUTT_AGAIN;
    }

    mutt_metric_add(r->metrics, MUTT_M_RETENTION_CHANGES_ALL, (uint64_t) n);
    mutt_metric_add(r->metrics, MUTT_M_CLEANUP_DELETED_CHANGES, (uint64_t) n);

    return n == 0 ? MUTT_AGAIN : MUTT_OK;
}


static mutt_rc_t
delete_letters(mutt_retention_t *r, mutt_redis_t *redis, mutt_err_t *err)
{
    int64_t n;
    mutt_rc_t rc = mutt_prune_step(&r->prune, redis, r->settings, r->reader,
                                   r->cutoff, r->dry, &n, err);

    if (!r->dry) {
        mutt_metric_add(r->metrics, MUTT_M_CLEANUP_DELETED_LETTERS,
                        (uint64_t) n);
    }

    r->letters += n;

    return rc;
}


/* Each of them was an event or an alert, of which nothing came. */
static void
tell_letters(mutt_retention_t *r)
{
    if (r->letters > 0) {
        say(r, "%lld dead letters of more than %lld days %s deleted",
            (long long) r->letters, (long long) r->policy.letter_days,
            r->dry ? "would be" : "are");
    }

    r->letters = 0;
}


static mutt_rc_t
measure(mutt_retention_t *r, mutt_redis_t *redis, mutt_err_t *err)
{
    static const mutt_series_t series[] = {
        MUTT_M_TABLE_SIZE_EVENTS,  MUTT_M_TABLE_OLDEST_EVENTS,
        MUTT_M_TABLE_SIZE_ARCHIVE, MUTT_M_TABLE_OLDEST_ARCHIVE,
        MUTT_M_TABLE_SIZE_CHANGES, MUTT_M_TABLE_OLDEST_CHANGES,
        MUTT_M_DEFAULT_ROWS_ALL,
    };
    mutt_rows_t *rows;

    (void) redis;

    mutt_rc_t rc = ask(r, MUTT_SQL_TEXT_RETENTION_TABLES, 0, NULL, &rows, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++) {
        const char *text = mutt_rows_get(rows, 0, i);

        mutt_metric_set(r->metrics, series[i],
                        text == NULL ? 0 : strtod(text, NULL));
    }

    mutt_rows_free(rows);

    return MUTT_AGAIN;
}


static const struct {
    const char *name;
    task_pt run;
    bool deletes;
    mutt_series_t errors;
    int cleanup; /* a series of errors besides; -1: none */
} tasks[] = {
    { "policy", read_policy, false, MUTT_M_RETENTION_ERRORS_POLICY, -1 },
    { "clock", look_at_clocks, false, MUTT_M_RETENTION_ERRORS_CLOCK, -1 },
    { "partitions", make_partitions, false, MUTT_M_RETENTION_ERRORS_PARTITIONS,
      -1 },
    { "archive", archive, true, MUTT_M_RETENTION_ERRORS_ARCHIVE,
      MUTT_M_CLEANUP_ERRORS_EVENTS },
    { "expire", expire, true, MUTT_M_RETENTION_ERRORS_EXPIRE,
      MUTT_M_CLEANUP_ERRORS_EVENTS },
    { "config_audit", delete_changes, true, MUTT_M_RETENTION_ERRORS_CHANGES,
      MUTT_M_CLEANUP_ERRORS_CHANGES },
    { "dlq", delete_letters, true, MUTT_M_RETENTION_ERRORS_LETTERS,
      MUTT_M_CLEANUP_ERRORS_LETTERS },
    { "tables", measure, false, MUTT_M_RETENTION_ERRORS_TABLES, -1 },
};

#define N_TASKS (sizeof(tasks) / sizeof(tasks[0]))

/* without the policy or the time nothing is deleted */
#define N_NEEDED 2


void
mutt_retention_begin(mutt_retention_t *r)
{
    tell_letters(r);
    r->policy = mutt_retention_policy(r->settings);
    r->task = 0;
    r->failed = false;
    r->unknown = false;
    r->passed = 0;
    r->month.open = false;
    r->prune = (mutt_prune_t) { 0 };
}


/*
 * Connects, and sees that nobody else is at it.  The server gives up before
 * we do: what takes too long is then a failure of its task, where a silent
 * server is an outage, which is waited for.
 */
static mutt_rc_t
be_the_one(mutt_retention_t *r, mutt_err_t *err)
{
    char limit[NUMBER];
    mutt_rows_t *rows;
    mutt_rc_t rc =
        mutt_pg_connected(r->pg) ? MUTT_AGAIN : mutt_pg_connect(r->pg, err);

    if (rc == MUTT_AGAIN) {
        return MUTT_OK;
    }

    if (rc == MUTT_OK) {
        rc = ask(r, MUTT_SQL_TEXT_RETENTION_LOCK, 1,
                 (const char *[]) { number(
                     limit, mutt_set_int(r->settings, MUTT_SET_DB_TIMEOUT_MS) /
                                4 * 3) },
                 &rows, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    bool locked = strcmp(mutt_rows_get(rows, 0, 0), "t") == 0;

    mutt_rows_free(rows);

    if (!locked) {
        mutt_pg_close(r->pg);
        return mutt_fail(err, MUTT_UNAVAIL,
                         "another process does it, and one of a database "
                         "works at a time");
    }

    return MUTT_OK;
}


mutt_rc_t
mutt_retention_step(mutt_retention_t *r, mutt_redis_t *redis, mutt_err_t *err)
{
    if (r->task == N_TASKS) {
        return MUTT_AGAIN;
    }

    if (tasks[r->task].deletes && !mutt_retention_enforced(r)) {
        r->task++;
        return MUTT_OK;
    }

    mutt_rc_t rc = be_the_one(r, err);

    if (rc == MUTT_OK) {
        rc = tasks[r->task].run(r, redis, err);
    }

    if (rc == MUTT_AGAIN) {
        tell_letters(r);
        r->task++;
        return MUTT_OK;
    }

    return rc;
}


mutt_rc_t
mutt_retention_look(mutt_retention_t *r, mutt_err_t *err)
{
    mutt_rc_t rc = be_the_one(r, err);

    return rc == MUTT_OK
               ? ask(r, MUTT_SQL_TEXT_RETENTION_LOOK, 0, NULL, NULL, err)
               : rc;
}


void
mutt_retention_skip(mutt_retention_t *r)
{
    mutt_metric_add(r->metrics, tasks[r->task].errors, 1);

    if (tasks[r->task].cleanup >= 0) {
        mutt_metric_add(r->metrics, (mutt_series_t) tasks[r->task].cleanup, 1);
    }

    tell_letters(r);
    r->unknown = r->unknown || r->task < N_NEEDED;
    r->failed = true;

    /* one month that cannot go keeps no other from going */
    if (tasks[r->task].run == archive && r->month.open) {
        r->month.open = false;
        r->passed++;
        return;
    }

    r->task++;
}


bool
mutt_retention_cut_off(const mutt_retention_t *r, const mutt_redis_t *redis)
{
    return !mutt_pg_connected(r->pg) || !mutt_redis_connected(redis);
}


const char *
mutt_retention_task(const mutt_retention_t *r)
{
    return r->task < N_TASKS ? tasks[r->task].name : "none";
}


bool
mutt_retention_failed(const mutt_retention_t *r)
{
    return r->failed;
}


bool
mutt_retention_enforced(const mutt_retention_t *r)
{
    return r->policy.enforced && !r->unknown;
}
