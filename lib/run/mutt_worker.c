#include "mutt_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/mutt_uuid.h"
#include "mutt_run.h"

/* between two looks at whether the stored settings are read */
#define SETTINGS_WAIT (50 * 1000)

#define BACKOFF_FIRST (50 * 1000)
#define BACKOFF_LAST (5 * MUTT_USEC_SEC)

/* an outage that has lasted for some back-offs is shown by /health */
#define BACKOFF_TELL (400 * 1000)
#define DRAIN_MAX (9 * MUTT_USEC_SEC)


void *
mutt_run_ctx(mutt_run_t *run)
{
    return run->ctx;
}


const mutt_settings_t *
mutt_run_settings(mutt_run_t *run)
{
    return run->current == NULL ? run->base : run->current;
}


const mutt_settings_t *
mutt_run_base_settings(mutt_run_t *run)
{
    return run->base;
}


mutt_queue_t *
mutt_run_queue(mutt_run_t *run)
{
    return run->queue;
}


mutt_redis_t *
mutt_run_redis(mutt_run_t *run)
{
    return run->redis;
}


uint64_t *
mutt_run_metrics(mutt_run_t *run)
{
    return run->metrics;
}


mutt_tracer_t *
mutt_run_tracer(mutt_run_t *run)
{
    return run->tracer;
}


mutt_log_t *
mutt_run_log(mutt_run_t *run)
{
    return run->log;
}


void
mutt_run_hit(mutt_run_t *run, int32_t rule_id)
{
    if (!mutt_hits_add(&run->hits, rule_id)) {
        mutt_metric_add(run->metrics, MUTT_M_RULE_HITS_OTHER, 1);
    }
}


bool
mutt_run_stopping(const mutt_run_t *run)
{
    return __atomic_load_n(&run->stop, __ATOMIC_SEQ_CST) > 0;
}


void
mutt_run_check(mutt_run_t *run, const char *name, bool healthy,
               const char *state)
{
    (void) pthread_mutex_lock(&run->lock);

    size_t i = 0;

    while (i < run->n_checks && strcmp(run->checks[i].name, name) != 0) {
        i++;
    }

    if (i < MUTT_RUN_CHECKS) {
        mutt_run_check_t *check = &run->checks[i];

        check->name = name;
        check->healthy = healthy;
        (void) snprintf(check->state, sizeof(check->state), "%s", state);

        if (i == run->n_checks) {
            run->n_checks++;
        }
    }

    (void) pthread_mutex_unlock(&run->lock);
}


/* Takes the newest live settings, if the side thread brought some. */
static void
take_settings(mutt_run_t *run)
{
    (void) pthread_mutex_lock(&run->lock);

    mutt_settings_t *next = run->next;

    run->next = NULL;
    run->settled = run->fetched;
    (void) pthread_mutex_unlock(&run->lock);

    if (next == NULL) {
        return;
    }

    mutt_settings_destroy(run->current);
    run->current = next;
    mutt_log_set_level(run->log, mutt_log_level_parse(
                                     mutt_set_text(next, MUTT_SET_LOG_LEVEL)));
}


static mutt_rc_t
register_queue(mutt_run_t *run, mutt_err_t *err)
{
    mutt_rc_t rc = mutt_queue_register(run->queue, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    (void) pthread_mutex_lock(&run->lock);
    (void) snprintf(run->token, sizeof(run->token), "%s",
                    mutt_queue_token(run->queue));
    (void) pthread_mutex_unlock(&run->lock);

    mutt_log(run->log, MUTT_LOG_INFO, "queue", "registered with token %s",
             run->token);

    return run->worker->registered == NULL ? MUTT_OK
                                           : run->worker->registered(run, err);
}


static void
maybe_reload(mutt_run_t *run, mutt_usec_t now, mutt_usec_t *due)
{
    mutt_err_t err;
    int asked = __atomic_exchange_n(&run->reload, 0, __ATOMIC_SEQ_CST);

    if (run->worker->reload == NULL || (!asked && now < *due)) {
        return;
    }

    *due = now + mutt_set_int(mutt_run_settings(run),
                              MUTT_SET_CACHE_RELOAD_INTERVAL) *
                     MUTT_USEC_SEC;

    if (run->worker->reload(run, &err) != MUTT_OK) {
        mutt_log_failure(run->log, MUTT_LOG_WARNING, "reload", &err,
                         "reload failed, the old state stays");
    }
}


mutt_usec_t
mutt_run_jitter(mutt_usec_t wait_us)
{
    uint32_t r = 0;

    (void) mutt_random(&r, sizeof(r));

    return wait_us / 2 + (mutt_usec_t) (r % (uint64_t) (wait_us + 1));
}


/* What the loop remembers between turns. */
typedef struct {
    mutt_usec_t backoff; /* 0: no outage */
    mutt_usec_t idle;
    mutt_usec_t reload_at;
    bool set_up;
} loop_t;


static mutt_rc_t
turn(mutt_run_t *run, loop_t *loop, mutt_err_t *err)
{
    mutt_rc_t rc;

    if (!loop->set_up) {
        rc = run->worker->setup(run, err);

        if (rc != MUTT_OK) {
            return rc;
        }

        loop->set_up = true;
        mutt_run_check(run, "setup", true, "ok");
    }

    rc = MUTT_OK;

    if (run->queue != NULL && !mutt_queue_registered(run->queue)) {
        rc = register_queue(run, err);
    } else if (!mutt_redis_connected(run->redis)) {
        rc = mutt_redis_connect(run->redis, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    /* a default may say the opposite of what is stored */
    if (!run->settled) {
        mutt_run_sleep(run, SETTINGS_WAIT);
        return MUTT_AGAIN;
    }

    return run->worker->turn(run, err);
}


static void
outage(mutt_run_t *run, loop_t *loop, mutt_rc_t rc, const mutt_err_t *err)
{
    if (rc == MUTT_FENCED) {
        mutt_metric_add(run->metrics, MUTT_M_FENCED_ALL, 1);
        mutt_log(run->log, MUTT_LOG_WARNING, "queue",
                 "fenced off, registering again");
        return;
    }

    if (rc == MUTT_STALE) {
        return;
    }

    if (loop->backoff == 0) {
        mutt_log_failure(run->log, MUTT_LOG_WARNING, "loop", err,
                         "waiting for a dependency");
        loop->backoff = BACKOFF_FIRST;
    }

    /* not for a lost connection that is made again at once */
    if (loop->backoff >= BACKOFF_TELL) {
        mutt_run_check(run, "loop", false, mutt_rc_word(rc));
    }

    mutt_run_sleep(run, mutt_run_jitter(loop->backoff));
    loop->backoff =
        loop->backoff * 2 > BACKOFF_LAST ? BACKOFF_LAST : loop->backoff * 2;
}


static void
recovered(mutt_run_t *run, loop_t *loop)
{
    if (loop->backoff != 0) {
        mutt_log(run->log, MUTT_LOG_INFO, "loop", "the dependency is back");
        mutt_run_check(run, "loop", true, "ok");
        loop->backoff = 0;
    }
}


static int
run_loop(mutt_run_t *run)
{
    loop_t loop = { 0 };
    mutt_err_t err = { 0 };

    while (!mutt_run_stopping(run)) {
        mutt_usec_t now = mutt_time_mono();

        __atomic_store_n(&run->turned_at, now, __ATOMIC_RELAXED);
        take_settings(run);

        if (loop.set_up) {
            maybe_reload(run, now, &loop.reload_at);
        }

        mutt_rc_t rc = turn(run, &loop, &err);

        switch (mutt_rc_policy(rc)) {
        case MUTT_POLICY_DONE:
            recovered(run, &loop);
            loop.idle = 0;
            break;

        case MUTT_POLICY_WAIT:
            recovered(run, &loop);
            break;

        case MUTT_POLICY_RETRY:
            outage(run, &loop, rc, &err);
            break;

        case MUTT_POLICY_ITEM:
        case MUTT_POLICY_STOP:
            mutt_log_failure(run->log, MUTT_LOG_ERROR, "loop", &err,
                             "stopping");
            return 1;
        }
    }

    return 0;
}


/*
 * A worker that was not asked to end may do so by what it holds: that is not
 * handed back as if nothing had been, but left to be recovered, as behind a
 * crash.
 */
static void
finish(mutt_run_t *run, bool asked)
{
    mutt_err_t err;
    mutt_usec_t until = mutt_time_mono() + DRAIN_MAX;

    while (run->worker->drain != NULL && mutt_time_mono() < until &&
           run->worker->drain(run, &err) == MUTT_AGAIN) {
        __atomic_store_n(&run->turned_at, mutt_time_mono(), __ATOMIC_RELAXED);
    }

    if (asked && run->queue != NULL && mutt_queue_registered(run->queue) &&
        mutt_queue_leave(run->queue, &err) != MUTT_OK) {
        mutt_log_failure(run->log, MUTT_LOG_WARNING, "queue", &err,
                         "could not sign off, others will recover");
    }

    if (run->worker->teardown != NULL) {
        run->worker->teardown(run);
    }
}


static void
name_pod(mutt_run_t *run)
{
    const char *given = mutt_set_text(run->base, MUTT_SET_POD_NAME);
    char host[65] = "mutt";
    uint32_t suffix = 0;

    if (given[0] != '\0') {
        (void) snprintf(run->pod, sizeof(run->pod), "%s", given);
        return;
    }

    (void) gethostname(host, sizeof(host) - 1);
    (void) mutt_random(&suffix, sizeof(suffix));
    (void) snprintf(run->pod, sizeof(run->pod), "%s-%08x", host, suffix);
}


static void
harden(void)
{
#ifndef __SANITIZE_ADDRESS__
    struct rlimit none = { 0, 0 };

    /* secrets are in memory; the leak checker would need ptrace */
    (void) setrlimit(RLIMIT_CORE, &none);
    (void) prctl(PR_SET_DUMPABLE, 0);
#endif
}


static bool
create_redis(mutt_run_t *run)
{
    char name[MUTT_RUN_TEXT * 3];

    if (run->worker->queueless) {
        (void) snprintf(name, sizeof(name), "%s:%s", run->worker->kind,
                        run->pod);
        run->redis = mutt_redis_create(run->base, name);
        return run->redis != NULL;
    }

    run->queue = mutt_queue_create(run->base, run->worker->kind, run->pod);

    if (run->queue != NULL) {
        run->redis = mutt_queue_redis(run->queue);
    }

    return run->queue != NULL;
}


static const char *
version_of(const mutt_run_t *run)
{
    const char *given = mutt_set_text(run->base, MUTT_SET_SERVICE_VERSION);

    return given[0] == '\0' ? MUTT_VERSION : given;
}


static mutt_rc_t
create(mutt_run_t *run, mutt_err_t *err)
{
    const char *version = version_of(run);

    name_pod(run);
    (void) pthread_mutex_init(&run->lock, NULL);

    run->turned_at = mutt_time_mono();
    run->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    run->log =
        mutt_log_create(STDERR_FILENO, run->worker->service, version, run->pod,
                        mutt_set_bool(run->base, MUTT_SET_LOG_JSON_ENABLED));
    run->metrics = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    run->ctx = calloc(1, run->worker->ctx_size);

    if (run->wake_fd < 0 || run->log == NULL || run->metrics == NULL ||
        run->ctx == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory at start");
    }

    if (!create_redis(run)) {
        return mutt_fail(err, MUTT_CONFIG,
                         "REDIS_URL is not redis://, rediss:// or unix://");
    }

    mutt_log_set_level(run->log, mutt_log_level_parse(mutt_set_text(
                                     run->base, MUTT_SET_LOG_LEVEL)));

    return run->worker->traces
               ? mutt_tracer_create(run->base, run->worker->service, version,
                                    run->pod, run->metrics, run->log,
                                    &run->tracer, err)
               : MUTT_OK;
}


static void
destroy(mutt_run_t *run)
{
    if (run->queue == NULL) {
        mutt_redis_destroy(run->redis);
    }

    mutt_queue_destroy(run->queue);
    mutt_tracer_destroy(run->tracer);
    mutt_settings_destroy(run->current);
    mutt_settings_destroy(run->next);
    mutt_settings_destroy(run->base);
    free(run->ctx);
    free(run->metrics);
    mutt_log_destroy(run->log);

    if (run->wake_fd >= 0) {
        (void) close(run->wake_fd);
    }
}


static int
run_worker(mutt_run_t *run)
{
    mutt_err_t err = { 0 };
    mutt_rc_t rc = create(run, &err);

    if (rc == MUTT_OK) {
        mutt_signals_install(run);
        mutt_run_check(run, "setup", false, "not done yet");
        rc = mutt_health_start(run, &err);
    }

    if (rc == MUTT_OK && !mutt_side_start(run)) {
        rc = mutt_fail(&err, MUTT_NOMEM, "cannot start the side thread");
    }

    if (rc != MUTT_OK) {
        (void) fprintf(stderr, "%s: %s\n", run->worker->service, err.text);
        mutt_health_stop(run);
        return 1;
    }

    mutt_log(run->log, MUTT_LOG_INFO, "start", "%s %s started",
             run->worker->service, MUTT_VERSION);

    int status = run_loop(run);

    finish(run, status == 0);
    mutt_side_stop(run);
    mutt_health_stop(run);
    mutt_log(run->log, MUTT_LOG_INFO, "stop", "stopped");

    return status;
}


/* Redis shows the name, and has to tell it from another's. */
static mutt_rc_t
check_pod(const mutt_run_t *run, mutt_err_t *err)
{
    const char *pod = mutt_set_text(run->base, MUTT_SET_POD_NAME);
    const size_t most = sizeof(run->pod) - 1;

    if (strlen(pod) > most) {
        return mutt_fail(err, MUTT_CONFIG,
                         "POD_NAME has %zu bytes, at most %zu are told apart",
                         strlen(pod), most);
    }

    for (const char *c = pod; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~') {
            return mutt_fail(err, MUTT_CONFIG,
                             "POD_NAME must be ASCII and have no spaces");
        }
    }

    return MUTT_OK;
}


static mutt_rc_t
load_settings(mutt_run_t *run, mutt_err_t *err)
{
    mutt_rc_t rc = mutt_settings_load((const char *(*) (const char *) ) getenv,
                                      &run->base, err);

    if (rc == MUTT_OK) {
        rc = check_pod(run, err);
    }

    if (rc == MUTT_OK && run->worker->traces) {
        rc = mutt_tracer_check(run->base, err);
    }

    if (rc == MUTT_OK && run->worker->check != NULL) {
        rc = run->worker->check(run->base, err);
    }

    return rc;
}


int
mutt_worker_main(const mutt_worker_t *worker, int argc, char **argv)
{
    mutt_run_t run = { .worker = worker, .wake_fd = -1 };
    mutt_err_t err = { 0 };

    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        (void) printf("%s %s\n", worker->service, MUTT_VERSION);
        return 0;
    }

    if (argc > 1 && strcmp(argv[1], "--check") != 0) {
        (void) fprintf(stderr,
                       "usage: %s [--version | --check]\n"
                       "settings come from the environment, "
                       "see docs/settings.md\n",
                       worker->service);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }

    harden();

    int status = 1;

    if (load_settings(&run, &err) != MUTT_OK) {
        (void) fprintf(stderr, "%s: %s\n", worker->service, err.text);
    } else {
        status = argc > 1 ? 0 : run_worker(&run);
    }

    destroy(&run);

    return status;
}
