/*
 * What the parts of mutt-alerter share: its state, a claim on its way, and
 * what each part does with them.  alerter.c says how they play together.
 */

#ifndef MUTT_ALERTER_H
#define MUTT_ALERTER_H

#include "domain/mutt_breaker.h"
#include "domain/mutt_event.h"
#include "domain/mutt_journey.h"
#include "domain/mutt_kinds.h"
#include "domain/mutt_pressure.h"
#include "io/mutt_audit.h"
#include "io/mutt_live.h"
#include "run/mutt_loader.h"
#include "run/mutt_worker.h"

#define PAYLOAD_MAX (1u << 30)

/* one slice of a wait; signals, settings and reloads are looked at between */
#define WAIT_MS 100

/* and while rules are on their way, which events that come are to see */
#define WAIT_LOAD_MS 10

/* a load that failed is repeated, a silent PostgreSQL is asked, this often */
#define RETRY_AFTER (5 * MUTT_USEC_SEC)

/* PostgreSQL is left alone after so many failures in a row, for about so
 * long; a call that hangs costs its deadline each time */
#define PG_FAILURES 3
#define PG_REST (2 * MUTT_USEC_SEC)

/* so many claims whose rows got in, and the next may be twice as large again */
#define PG_CALM 10

typedef struct batch_s batch_t;

typedef struct {
    mutt_pg_t *pg;
    mutt_breaker_t breaker; /* of PostgreSQL */
    mutt_usec_t pg_asked;   /* when PostgreSQL last answered */
    bool partitioned;       /* the months ahead have their partitions */
    bool repeats;           /* what is sent next may have got in before */
    unsigned halved;        /* claims, so often: their rows took too long */
    unsigned calm;          /* claims since whose rows did not */
    bool told_refused;      /* nginx, that rows don't get in */
    mutt_loader_t *loader;
    bool loading;        /* the first rules are on their way */
    mutt_usec_t load_at; /* a failed load is repeated then; 0: none is due */
    mutt_generation_t *rules;
    mutt_json_reader_t *reader;
    mutt_pool_t *pools[2];  /* of a claim each */
    batch_t *flying;        /* its rows are on their way; NULL: none */
    mutt_usec_t look_at;    /* when to look at the depths next */
    mutt_usec_t wait_until; /* an empty queue is waited for; 0: it is not */
    mutt_pressure_t pressure;
    uint64_t shed;           /* events since shedding began */
    mutt_usec_t defer_until; /* nothing is claimed before; 0: no deferral */
    int64_t defer_ms;        /* the settings that it was put off by */
    int64_t defer_shed;
    mutt_live_t live;
} alerter_t;

/* A claim on its way; everything lives in the claim's pool, itself too. */
struct batch_s {
    mutt_run_t *run;
    alerter_t *a;
    mutt_pool_t *pool;
    mutt_usec_t began;
    mutt_usec_t claimed_at; /* by the wall clock */
    mutt_usec_t sent;       /* when its rows were */
    mutt_claim_t claim;
    mutt_event_t *events;
    mutt_verdict_t *verdicts;
    int32_t *rules;           /* that decided; 0: none */
    mutt_str_t *teams;        /* of those rules; NULL: nobody watches */
    mutt_journey_t *journeys; /* of the events; NULL: tracing is off */
    mutt_audit_row_t *rows;
    size_t *row_items; /* the item of each row */
    size_t n_rows;
    mutt_kinds_t kinds;
    mutt_unhandled_t *unhandled; /* the same kinds, for the commit */
    int64_t alerts; /* depth of the alert queue when this is committed */
    int64_t raised; /* of them by this claim */
};

/* postgres.c */

/* Tells /health and the breaker how a call to PostgreSQL ended. */
MUTT_CHECKED mutt_rc_t alerter_pg_ended(mutt_run_t *run, alerter_t *a,
                                        mutt_rc_t rc);

/* Connects where needed. */
MUTT_CHECKED mutt_rc_t alerter_connect_pg(mutt_run_t *run, alerter_t *a,
                                          mutt_err_t *err);

/* So that /health knows of an outage also while there is nothing to do. */
MUTT_CHECKED mutt_rc_t alerter_ping_pg(mutt_run_t *run, alerter_t *a,
                                       mutt_err_t *err);

/* Lets PostgreSQL rest while the breaker is open, then asks it first. */
MUTT_CHECKED mutt_rc_t alerter_probe_pg(mutt_run_t *run, alerter_t *a,
                                        mutt_err_t *err);

/* The months ahead get their partitions, once. */
MUTT_CHECKED mutt_rc_t alerter_create_partitions(mutt_run_t *run, alerter_t *a,
                                                 mutt_err_t *err);

/* rules.c */

/* A rule that cannot be matched with this event; data: the run. */
void alerter_report_match(void *data, int32_t rule_id, const char *why);

/* Takes what the loader has brought, if anything. */
mutt_rc_t alerter_take_load(mutt_run_t *run, alerter_t *a, mutt_err_t *err);

/* Starts to load the rules; alerter_take_load() brings them. */
MUTT_CHECKED mutt_rc_t alerter_reload(mutt_run_t *run, mutt_err_t *err);

/* Rules that were changed while PostgreSQL was away are not missed. */
void alerter_repeat_load(mutt_run_t *run, alerter_t *a);

/* pressure.c */

/* The thresholds of the alert queue, of this turn. */
mutt_pressure_limits_t alerter_pressure_limits(mutt_run_t *run);

/* Whether pressure puts claims off rather than shed. */
bool alerter_defers(mutt_run_t *run);

/* Takes notice of the alert queue's depth. */
void alerter_feel_pressure(mutt_run_t *run, alerter_t *a, int64_t depth);

/* Gauges and levels go on also while nothing is claimed. */
MUTT_CHECKED mutt_rc_t alerter_look_at_depths(mutt_run_t *run, alerter_t *a,
                                              mutt_err_t *err);

/* How many alerts there may be for an event to be claimed; -1: any. */
int64_t alerter_alerts_max(mutt_run_t *run, const alerter_t *a);

/* Puts the next claim off, if the alert queue says so. */
bool alerter_defer(mutt_run_t *run, alerter_t *a, const mutt_claim_t *claim);

/* Waits for the end of a deferral, in turns; false when there is none, also
 * since its settings have changed. */
bool alerter_deferring(mutt_run_t *run, alerter_t *a);

/* claim.c */

/* An empty batch in the pool that nothing flies in; NULL: no memory. */
batch_t *alerter_create_batch(mutt_run_t *run, alerter_t *a);

/* Claims, behind what is flying, and takes notice of the depths. */
MUTT_CHECKED mutt_rc_t alerter_claim(batch_t *b, mutt_err_t *err);

/* judge.c */

/* What was written to out, moved into the pool. */
mutt_str_t alerter_into_pool(mutt_buf_t *out, mutt_pool_t *pool);

/* Settles item i with what was written to out. */
MUTT_CHECKED mutt_rc_t alerter_give(batch_t *b, size_t i, mutt_dest_t dest,
                                    mutt_buf_t *out, mutt_err_t *err);

/* The time as payloads have it. */
void alerter_now_text(char out[MUTT_TIME_LEN + 1]);

/* Reads and matches what was claimed: rows, verdicts and kinds. */
MUTT_CHECKED mutt_rc_t alerter_judge_claim(batch_t *b, mutt_err_t *err);

/* tell.c */

/* Begins to trace an event, if it is one to be traced, with what is made of
 * it as the next span's child. */
MUTT_CHECKED mutt_rc_t alerter_trace(batch_t *b, size_t i, mutt_err_t *err);

/* What is on its way is told of when it is committed. */
void alerter_tell_traces(batch_t *b);

/* A line an event, for who wants to follow one. */
void alerter_tell_events(batch_t *b);

/* A sample of the claim, for who watches; rows are in the items' order. */
void alerter_tell_live(batch_t *b);

/* For the traces of the events whose rows were sent took ago. */
void alerter_note_insert(batch_t *b, mutt_usec_t took);

/* Counts what a commit has settled. */
void alerter_count(batch_t *b, int64_t metas);

/* audit.c */

/* Sends the rows and does not wait for PostgreSQL. */
MUTT_CHECKED mutt_rc_t alerter_send_audit(batch_t *b, mutt_err_t *err);

/* Waits for the answer to the rows. */
MUTT_CHECKED mutt_rc_t alerter_finish_audit(batch_t *b, mutt_err_t *err);

/* *refused tells how many rows were. */
MUTT_CHECKED mutt_rc_t alerter_judge_rows(batch_t *b, size_t *refused,
                                          mutt_err_t *err);

/* settle.c */

/* What the commit counts; meta-alerts are written when it asks for them. */
MUTT_CHECKED mutt_rc_t alerter_list_kinds(batch_t *b, mutt_err_t *err);

/* Ends a claim whose rows were sent; next, or NULL, is sent in between. */
MUTT_CHECKED mutt_rc_t alerter_settle(batch_t *b, batch_t *next,
                                      mutt_err_t *err);

/* Forgets the claim whose rows are on their way; it is made again. */
void alerter_drop_flying(alerter_t *a);

#endif
