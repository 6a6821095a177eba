/* What the parts of the worker runtime share; not for workers' own files. */

#ifndef MUTT_RUN_H
#define MUTT_RUN_H

#include <pthread.h>
#include <signal.h>

#include "core/mutt_time.h"
#include "mutt_worker.h"

#define MUTT_RUN_CHECKS 8
#define MUTT_RUN_TEXT 64

struct MHD_Daemon;

/* What a dependency said of itself last. */
typedef struct {
    const char *name;
    bool healthy;
    char state[MUTT_RUN_TEXT];
} mutt_run_check_t;

struct mutt_run_s {
    const mutt_worker_t *worker;
    void *ctx;
    mutt_settings_t *base;    /* defaults and environment */
    mutt_settings_t *current; /* of this turn; the main thread's */
    bool settled; /* what is stored was read before it; the main thread's */
    mutt_log_t *log;
    uint64_t *metrics;
    mutt_tracer_t *tracer; /* NULL: tracing is off */
    mutt_hits_t hits;      /* of rules, where there are any */
    mutt_queue_t *queue;   /* NULL when queueless */
    mutt_redis_t *redis;   /* of the main thread; the queue's if there is one */
    char pod[MUTT_RUN_TEXT * 2];
    int wake_fd; /* eventfd: the side thread has news */

    struct MHD_Daemon *http;
    pthread_t side;
    bool side_started;

    pthread_mutex_t lock;  /* guards what follows */
    mutt_settings_t *next; /* newer than current; NULL: none */
    bool fetched;          /* stored settings have been read once */
    mutt_run_check_t checks[MUTT_RUN_CHECKS];
    size_t n_checks;
    char token[32]; /* of the queue, for the heartbeat */

    mutt_usec_t turned_at; /* atomic: the main loop's last turn */
    int stop;              /* atomic: signals to stop so far */
    int reload;            /* atomic: something may have changed */
    int done;              /* atomic: the side thread should end */
};

/* The side thread: heartbeat, janitor, live settings, change notices. */
bool mutt_side_start(mutt_run_t *run);
void mutt_side_stop(mutt_run_t *run);

/* /health, /health/live and /metrics. */
MUTT_CHECKED mutt_rc_t mutt_health_start(mutt_run_t *run, mutt_err_t *err);
void mutt_health_stop(mutt_run_t *run);

/* Signal handlers that set run->stop and run->reload. */
void mutt_signals_install(mutt_run_t *run);

#endif
