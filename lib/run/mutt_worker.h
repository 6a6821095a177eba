/*
 * The life all workers share, written once: settings, JSON log, signals,
 * connections with jittered reconnection, registration and fencing,
 * heartbeat, janitor, live settings, change notices, /health and /metrics.
 * A worker's own file is a descriptor and its job.
 *
 * Two threads: the main one runs turn(), the side one (heartbeat, janitor,
 * notices, health port) never waits for the main one.
 */

#ifndef MUTT_WORKER_H
#define MUTT_WORKER_H

#include <stdbool.h>

#include "conf/mutt_metrics.h"
#include "conf/mutt_settings.h"
#include "core/mutt_error.h"
#include "core/mutt_log.h"
#include "core/mutt_time.h"
#include "io/mutt_queue.h"
#include "mutt_tracer.h"

#define MUTT_RUN_WATCHES 2

typedef struct mutt_run_s mutt_run_t;

/* Workers of one kind, whose orphans are recovered. */
typedef struct {
    const char *kind;
    mutt_setting_t heartbeat;
    mutt_setting_t lease; /* silence after which one is dead */
} mutt_watch_t;

#define MUTT_WATCH_ALERTERS                                                    \
    {                                                                          \
        "alerter", MUTT_SET_ALERTER_HEARTBEAT_INTERVAL,                        \
            MUTT_SET_ALERTER_JANITOR_TIMEOUT                                   \
    }
#define MUTT_WATCH_FORWARDERS                                                  \
    {                                                                          \
        "moog", MUTT_SET_MOOG_HEARTBEAT_INTERVAL,                              \
            MUTT_SET_MOOG_JANITOR_TIMEOUT                                      \
    }

typedef struct {
    const char *service; /* "mutt-alerter": logs and /health */
    const char *kind;    /* "alerter": processing list, heartbeat key */
    unsigned reader;     /* MUTT_S_ALERTER: its settings and metrics */
    mutt_setting_t port;
    size_t ctx_size; /* zeroed memory at mutt_run_ctx() */

    /* A worker that claims from a queue watches its own kind, first, and is
     * watched by it; one that doesn't may watch others. */
    mutt_watch_t watches[MUTT_RUN_WATCHES];
    bool queueless;

    bool traces; /* it leaves spans, where tracing is on */

    /* Judges settings that only this worker needs, before anything else and
     * for --check.  NULL: there are none. */
    mutt_rc_t (*check)(const mutt_settings_t *settings, mutt_err_t *err);

    /* Once, before the first turn.  Anything but MUTT_OK ends the process,
     * unless its policy is RETRY: then setup is repeated with back-off. */
    mutt_rc_t (*setup)(mutt_run_t *run, mutt_err_t *err);

    /* Rules, hosts or teams may have changed, or cache_reload_interval or
     * SIGHUP says so.  A failure is logged and the old state stays.  NULL:
     * nothing to reload. */
    mutt_rc_t (*reload)(mutt_run_t *run, mutt_err_t *err);

    /* One turn: claim, handle, settle.  MUTT_OK: there was work, come again
     * at once.  MUTT_AGAIN: idle.  RETRY policies: the runtime logs once per
     * outage, reconnects with back-off and jitter, and calls again.  STOP
     * policies end the process with exit 1. */
    mutt_rc_t (*turn)(mutt_run_t *run, mutt_err_t *err);

    /* After a new registration with the queue (start, reconnect, fenced):
     * what is still in the processing list is the worker's to resume.  NULL
     * where turn() needs no notice. */
    mutt_rc_t (*registered)(mutt_run_t *run, mutt_err_t *err);

    /* Asked to stop: MUTT_OK when nothing is in hand any more, MUTT_AGAIN to
     * be asked again.  At most 10 s.  NULL: nothing is ever held between
     * turns. */
    mutt_rc_t (*drain)(mutt_run_t *run, mutt_err_t *err);

    void (*teardown)(mutt_run_t *run);
} mutt_worker_t;

/* main() of a worker: its exit status.  Options: --version, --help, --check
 * (settings only). */
int mutt_worker_main(const mutt_worker_t *worker, int argc, char **argv);

/* What a worker's functions may use; main thread only unless said. */
void *mutt_run_ctx(mutt_run_t *run);
const mutt_settings_t *mutt_run_settings(mutt_run_t *run); /* this turn's */
const mutt_settings_t *mutt_run_base_settings(mutt_run_t *run); /* for life */
mutt_queue_t *mutt_run_queue(mutt_run_t *run);       /* NULL when queueless */
mutt_redis_t *mutt_run_redis(mutt_run_t *run);       /* connected in turn() */
uint64_t *mutt_run_metrics(mutt_run_t *run);         /* any thread */
mutt_tracer_t *mutt_run_tracer(mutt_run_t *run);     /* NULL: tracing is off */
mutt_log_t *mutt_run_log(mutt_run_t *run);           /* any thread */
void mutt_run_hit(mutt_run_t *run, int32_t rule_id); /* counts a rule's */
bool mutt_run_stopping(const mutt_run_t *run);       /* any thread */

/* Waits at most wait_us, less when a signal or news arrives. */
void mutt_run_sleep(mutt_run_t *run, mutt_usec_t wait_us);

/* A random time of wait_us, 50 % more or less. */
mutt_usec_t mutt_run_jitter(mutt_usec_t wait_us);

/*
 * A dependency's state for /health, e.g. ("postgresql", "ok"), or
 * ("webhook", "breaker open"): healthy says whether /health stays 200.  Any
 * thread.
 */
void mutt_run_check(mutt_run_t *run, const char *name, bool healthy,
                    const char *state);

#endif
