/* muttdev check ledger: is everything that came in accounted for? */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "acked.h"
#include "core/mutt_time.h"
#include "domain/mutt_sql.h"
#include "ledger.h"
#include "muttdev.h"

#define POLL_MS 100
#define JSON_MAX (1u << 30)

typedef struct {
    bool json;
    bool pg;
    bool drain;
    double seconds;
    const char *acked;
} asked_t;

/* What the audit log holds, and what the ledger says it should. */
typedef struct {
    int64_t rows;
    int64_t ids;
    int64_t least;
    int64_t most;
} counts_t;

typedef struct {
    ledger_t ledger;
    acked_t *acked;
    acked_verdict_t verdict;
    counts_t counts;
    bool has_ledger;
    bool has_verdict;
    bool has_counts;
    unsigned found; /* a bit per check_code_t */
    mutt_err_t why; /* of CHECK_UNKNOWN */
} result_t;


static void
found(result_t *r, check_code_t code)
{
    r->found |= 1u << code;
}


static int
exit_status(const result_t *r)
{
    for (int code = CHECK_DIFFERENT; code <= CHECK_UNKNOWN; code++) {
        if (r->found & (1u << code)) {
            return code;
        }
    }

    return CHECK_FINE;
}


static int
parse(int argc, char **argv, asked_t *o)
{
    static const struct option names[] = {
        { "wait-drain", required_argument, NULL, 'w' },
        { "pg", no_argument, NULL, 'p' },
        { "acked", required_argument, NULL, 'a' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int name;

    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (name) {
        case 'w':
            o->drain = true;
            if (!muttdev_seconds(optarg, &o->seconds)) {
                return muttdev_usage(&muttdev_check_ledger);
            }
            break;
        case 'p':
            o->pg = true;
            break;
        case 'a':
            o->acked = optarg;
            break;
        case 'j':
            o->json = true;
            break;
        case 'h':
            (void) muttdev_help(&muttdev_check_ledger);
            return -1;
        default:
            return muttdev_usage(&muttdev_check_ledger);
        }
    }

    return optind == argc ? 0 : muttdev_usage(&muttdev_check_ledger);
}


/* Snapshots until nothing waits; over an outage of Redis, too. */
static mutt_rc_t
drain(check_t *check, double seconds, ledger_t *ledger, mutt_err_t *err)
{
    mutt_usec_t until =
        mutt_time_mono() + (mutt_usec_t) (seconds * (double) MUTT_USEC_SEC);

    for (;;) {
        mutt_rc_t rc = MUTT_OK;

        if (!mutt_redis_connected(check->redis)) {
            rc = mutt_redis_connect(check->redis, err);
        }

        if (rc == MUTT_OK) {
            rc = ledger_read(check, ledger, err);
        }

        if (rc == MUTT_OK && ledger_waiting(ledger) == 0) {
            return MUTT_OK;
        }

        if (rc != MUTT_OK && mutt_rc_policy(rc) != MUTT_POLICY_RETRY) {
            return rc;
        }

        if (mutt_time_mono() >= until) {
            return rc == MUTT_OK ? MUTT_AGAIN : rc;
        }

        check_pause(POLL_MS);
    }
}


static mutt_rc_t
take_ledger(check_t *check, const asked_t *o, result_t *r, mutt_err_t *err)
{
    mutt_rc_t rc;

    if (o->drain) {
        /* where the events were, should they be gone behind the wait */
        rc = r->acked == NULL ? MUTT_OK : acked_look(r->acked, check, err);

        if (rc == MUTT_OK) {
            rc = drain(check, o->seconds, &r->ledger, err);
        }
    } else {
        rc = ledger_read(check, &r->ledger, err);
    }

    r->has_ledger = rc == MUTT_OK || rc == MUTT_AGAIN;

    if (r->has_ledger && ledger_get(&r->ledger, "difference") != 0) {
        found(r, CHECK_DIFFERENT);
    }

    if (rc == MUTT_AGAIN) {
        return mutt_fail(err, MUTT_AGAIN, "%lld items still wait after %.0f s",
                         (long long) ledger_waiting(&r->ledger), o->seconds);
    }

    return rc;
}


/*
 * An event that no rule matched leaves no row unless audit_unhandled is on,
 * so that a few missing ones may be those.
 */
static mutt_rc_t
judge_acked(check_t *check, mutt_pg_t *pg, result_t *r, mutt_err_t *err)
{
    ledger_t after;
    mutt_rc_t rc = acked_judge(r->acked, check, pg, &r->verdict, err);

    if (rc == MUTT_OK) {
        rc = ledger_read(check, &after, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    r->has_verdict = true;

    if (r->verdict.doubled > 0) {
        found(r, CHECK_DOUBLE);
    }

    int64_t unhandled = ledger_get(&after, "unhandled");

    if ((int64_t) r->verdict.missing > unhandled) {
        found(r, CHECK_MISSING);
    } else if (r->verdict.missing > 0) {
        return mutt_fail(err, MUTT_AGAIN,
                         "%zu events are nowhere, but %lld matched no rule, "
                         "which leaves no row unless audit_unhandled is on",
                         r->verdict.missing, (long long) unhandled);
    }

    return MUTT_OK;
}


static mutt_rc_t
count_rows(mutt_pg_t *pg, counts_t *counts, mutt_err_t *err)
{
    mutt_rows_t *rows = NULL;
    mutt_rc_t rc = mutt_pg_exec(pg, mutt_sql[MUTT_SQL_TEXT_ARCHIVE_READABLE], 0,
                                NULL, &rows, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    bool archive = strcmp(mutt_rows_get(rows, 0, 0), "t") == 0;

    mutt_rows_free(rows);
    rows = NULL;
    rc = mutt_pg_exec(pg,
                      mutt_sql[archive ? MUTT_SQL_TEXT_COUNT_ROWS_ARCHIVED
                                       : MUTT_SQL_TEXT_COUNT_ROWS],
                      0, NULL, &rows, err);

    if (rc == MUTT_OK) {
        counts->rows = mutt_str_count(mutt_str(mutt_rows_get(rows, 0, 0)));
        counts->ids = mutt_str_count(mutt_str(mutt_rows_get(rows, 0, 1)));
    }

    mutt_rows_free(rows);

    return rc;
}


/*
 * Events that were matched have a row; what waits, died or matched nothing
 * may have one.  An alert that a forwarder holds is among the latter, because
 * the ledger counts what all workers hold as one.
 */
static int64_t
least_rows(const ledger_t *l)
{
    return ledger_get(l, "logged") + ledger_get(l, "suppressed") +
           ledger_get(l, "delivered") + ledger_get(l, "alert_queue") +
           ledger_get(l, "retry") + ledger_get(l, "dlq_moog") -
           ledger_get(l, "meta_created");
}


static int64_t
most_rows(const ledger_t *l)
{
    return least_rows(l) + ledger_get(l, "processing") +
           ledger_get(l, "ingest_queue") + ledger_get(l, "dlq_alerter") +
           ledger_get(l, "unhandled") + ledger_get(l, "dead") +
           ledger_get(l, "dead_purged") + ledger_get(l, "dlq_purged");
}


static mutt_rc_t
compare_pg(check_t *check, mutt_pg_t *pg, result_t *r, mutt_err_t *err)
{
    ledger_t before;
    ledger_t after;
    mutt_rc_t rc = ledger_read(check, &before, err);

    if (rc == MUTT_OK) {
        rc = count_rows(pg, &r->counts, err);
    }

    if (rc == MUTT_OK) {
        rc = ledger_read(check, &after, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    r->has_counts = true;
    r->counts.least = least_rows(&before);
    r->counts.most = most_rows(&after);

    if (r->counts.ids < r->counts.least) {
        found(r, CHECK_MISSING);
    }

    if (r->counts.ids > r->counts.most) {
        found(r, CHECK_DIFFERENT);
    }

    if (r->counts.rows > r->counts.ids) {
        found(r, CHECK_DOUBLE);
    }

    return MUTT_OK;
}


static void
ask_postgresql(check_t *check, const asked_t *o, result_t *r)
{
    mutt_pg_t *pg = mutt_pg_create(check->settings, "muttdev");
    mutt_rc_t rc = pg == NULL ? mutt_fail(&r->why, MUTT_NOMEM, "out of memory")
                              : mutt_pg_connect(pg, &r->why);

    if (rc == MUTT_OK && r->acked != NULL) {
        rc = judge_acked(check, pg, r, &r->why);
    }

    /* the counts can be told even if a few ids cannot */
    if ((rc == MUTT_OK || rc == MUTT_AGAIN) && o->pg) {
        mutt_err_t why;
        mutt_rc_t counted = compare_pg(check, pg, r, &why);

        if (counted != MUTT_OK) {
            rc = counted;
            r->why = why;
        }
    }

    if (rc != MUTT_OK) {
        found(r, CHECK_UNKNOWN);
    }

    mutt_pg_destroy(pg);
}


static void
print_text(const result_t *r)
{
    if (r->has_ledger) {
        ledger_print(&r->ledger);
    }

    if (r->has_verdict) {
        acked_print(r->acked);
        (void) printf("acknowledged: %zu, missing: %zu, duplicate: %zu\n",
                      r->verdict.ids, r->verdict.missing, r->verdict.doubled);
    }

    if (r->has_counts) {
        (void) printf("audit log: %lld rows of %lld events, the ledger wants "
                      "%lld to %lld\n",
                      (long long) r->counts.rows, (long long) r->counts.ids,
                      (long long) r->counts.least, (long long) r->counts.most);
    }
}


static void
print_json(const result_t *r)
{
    mutt_buf_t out;

    mutt_buf_init(&out, JSON_MAX);
    mutt_buf_addf(&out, "{\"exit\":%d", exit_status(r));

    if (r->has_ledger) {
        mutt_buf_addf(&out, ",\"waiting\":%lld,\"ledger\":{",
                      (long long) ledger_waiting(&r->ledger));
        ledger_json(&r->ledger, &out);
        MUTT_BUF_LIT(&out, "}");
    }

    if (r->has_verdict) {
        MUTT_BUF_LIT(&out, ",\"acked\":{");
        acked_json(r->acked, &out);
        MUTT_BUF_LIT(&out, "}");
    }

    if (r->has_counts) {
        mutt_buf_addf(&out,
                      ",\"audit_log\":{\"rows\":%lld,\"ids\":%lld,"
                      "\"least\":%lld,\"most\":%lld}",
                      (long long) r->counts.rows, (long long) r->counts.ids,
                      (long long) r->counts.least, (long long) r->counts.most);
    }

    if (r->found & (1u << CHECK_UNKNOWN)) {
        MUTT_BUF_LIT(&out, ",\"cannot_tell\":");
        mutt_buf_add_json(&out, mutt_str(r->why.text));
    }

    MUTT_BUF_LIT(&out, "}\n");
    (void) fwrite(out.data, 1, out.len, stdout);
    mutt_buf_done(&out);
}


/* Everything that can be found out, whatever else can't. */
static void
look(const asked_t *o, result_t *r)
{
    check_t check;
    mutt_rc_t rc = MUTT_OK;

    if (o->acked != NULL) {
        rc = acked_load(o->acked, &r->acked, &r->why);
    }

    if (rc != MUTT_OK) {
        found(r, CHECK_UNKNOWN);
        return;
    }

    rc = check_open(&check, &r->why);

    if (rc == MUTT_OK) {
        rc = take_ledger(&check, o, r, &r->why);
    }

    if (rc != MUTT_OK) {
        found(r, CHECK_UNKNOWN);
    } else if (o->pg || o->acked != NULL) {
        ask_postgresql(&check, o, r);
    }

    check_close(&check);
}


static int
run(int argc, char **argv)
{
    asked_t o = { 0 };
    result_t r = { 0 };
    int bad = parse(argc, argv, &o);

    if (bad != 0) {
        return bad < 0 ? MUTTDEV_DONE : bad;
    }

    look(&o, &r);

    if (o.json) {
        print_json(&r);
    } else {
        print_text(&r);
    }

    if (r.found & (1u << CHECK_UNKNOWN)) {
        (void) fflush(stdout);
        (void) check_cannot_tell(muttdev_check_ledger.name, &r.why);
    }

    acked_free(r.acked);

    return exit_status(&r);
}


const muttdev_command_t muttdev_check_ledger = {
    .name = "check ledger",
    .synopsis = "[--wait-drain SECONDS] [--acked FILE] [--pg] [--json]",
    .summary = "is everything that came in accounted for",
    .help =
        "\n"
        "Prints the ledger as one snapshot: what came in, how it ended, what "
        "is in\nflight.  The difference is zero at all times.\n"
        "\n"
        "  --wait-drain SECONDS  first wait until no event and no alert waits "
        "any more\n"
        "                        (dead letters may)\n"
        "  --acked FILE          an id of an acknowledged event a line, alone "
        "or followed\n"
        "                        by ok, rejected or unknown, of which ok "
        "counts; each must\n"
        "                        have one audit row, or be in flight or a "
        "dead letter\n"
        "  --pg                  compare the audit log with the ledger: as "
        "many events have\n"
        "                        a row as were logged, suppressed and raised "
        "an alert; those\n"
        "                        that wait, died or matched no rule may have "
        "one\n"
        "  --json                print an object\n"
        "\n"
        "Rows that retention has deleted for good count as missing.  A "
        "statement may\ntake DB_TIMEOUT_MS, 60000 if it is not set.\n"
        "\n"
        "Exit status, the lowest that applies: 0 all is accounted for; 1 "
        "there is a\ndifference; 2 an acknowledged event is missing; 3 there "
        "are duplicates; 4 it\ncannot be told: Redis or PostgreSQL are not "
        "reached, not drained in time.  Also\n2: wrong usage.\n",
    .run_words = run,
};
