/*
 * The side thread: what must go on while the main thread waits for
 * PostgreSQL or a webhook.  Two connections: one for heartbeat, janitor and
 * live settings, one that is subscribed to change notices.
 */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/mutt_failpoint.h"
#include "domain/mutt_keys.h"
#include "io/mutt_janitor.h"
#include "mutt_run.h"

#define TICK_MS 200
#define SETTINGS_EVERY MUTT_USEC_SEC
#define RECONNECT_EVERY MUTT_USEC_SEC

typedef struct {
    mutt_run_t *run;
    mutt_redis_t *redis;
    mutt_redis_t *notices;
    mutt_janitor_t *janitors[MUTT_RUN_WATCHES];
    mutt_usec_t beat_at[MUTT_RUN_WATCHES];
    mutt_usec_t settings_at;
    mutt_usec_t retry_at;
    mutt_usec_t notices_at;
    mutt_str_t *values; /* of the live settings as read last */
    bool unused;        /* there was no memory to apply them */
    uint64_t generation;
} side_t;


static void
wake_main(mutt_run_t *run)
{
    uint64_t one = 1;

    (void) !write(run->wake_fd, &one, sizeof(one));
}


static void
ask_reload(mutt_run_t *run)
{
    __atomic_store_n(&run->reload, 1, __ATOMIC_SEQ_CST);
    wake_main(run);
}


static bool
same_values(const side_t *s, const mutt_reply_t *reply, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const mutt_reply_t *item = reply->items[i];
        bool nil = item->type != MUTT_REPLY_STRING;

        if (nil != (s->values[i].data == NULL) ||
            (!nil && !mutt_str_eq(item->str, s->values[i]))) {
            return false;
        }
    }

    return true;
}


static bool
keep_values(side_t *s, const mutt_reply_t *reply, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const mutt_reply_t *item = reply->items[i];

        free((char *) s->values[i].data);
        s->values[i] = (mutt_str_t) { NULL, 0 };

        if (item->type != MUTT_REPLY_STRING) {
            continue;
        }

        /* no strndup(): there may be a NUL in it */
        char *copy = malloc(item->str.len + 1);

        if (copy == NULL) {
            return false;
        }

        memcpy(copy, item->str.data, item->str.len);
        copy[item->str.len] = '\0';
        s->values[i] = (mutt_str_t) { copy, item->str.len };
    }

    return true;
}


/* Hands a new set of settings to the main thread, if anything differs; false
 * when there is no memory for it. */
static bool
publish(side_t *s, const mutt_reply_t *reply, size_t n)
{
    mutt_run_t *run = s->run;
    size_t bad = 0;

    if (!s->unused && same_values(s, reply, n)) {
        return true;
    }

    s->unused = true;

    if (!keep_values(s, reply, n)) {
        return false;
    }

    mutt_settings_t *next = mutt_settings_apply(run->base, s->values, &bad);

    if (next == NULL) {
        return false;
    }

    s->unused = false;

    if (bad > 0) {
        mutt_log(run->log, MUTT_LOG_WARNING, "settings",
                 "%zu stored settings are invalid and ignored", bad);
    }

    (void) pthread_mutex_lock(&run->lock);
    mutt_settings_destroy(run->next);
    run->next = next;
    (void) pthread_mutex_unlock(&run->lock);

    mutt_metric_set(run->metrics, MUTT_M_CONFIG_GENERATION_ALL,
                    (double) ++s->generation);
    wake_main(run);

    return true;
}


/* What is stored is known, so that the main thread may begin. */
static void
let_begin(mutt_run_t *run)
{
    (void) pthread_mutex_lock(&run->lock);

    bool first = !run->fetched;

    run->fetched = true;
    (void) pthread_mutex_unlock(&run->lock);

    if (first) {
        wake_main(run);
    }
}


static mutt_rc_t
fetch_settings(side_t *s, mutt_err_t *err)
{
    size_t n;
    const mutt_setting_t *live = mutt_settings_live(&n);
    mutt_str_t argv[MUTT_SETTING_COUNT + 1];
    char names[MUTT_SETTING_COUNT][96];
    const mutt_reply_t *reply;

    argv[0] = MUTT_STR("MGET");
    MUTT_PASS("settings.read");

    for (size_t i = 0; i < n; i++) {
        (void) snprintf(names[i], sizeof(names[i]), "%s%s",
                        mutt_keys[MUTT_KEY_CONFIG],
                        mutt_setting_rows[live[i]].name);
        argv[i + 1] = mutt_str(names[i]);
    }

    mutt_rc_t rc = mutt_redis_call(s->redis, n + 1, argv, 0, &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    if (reply->type != MUTT_REPLY_ARRAY || reply->n != n) {
        return mutt_fail(err, MUTT_UNAVAIL, "redis: no stored settings");
    }

    if (publish(s, reply, n)) {
        let_begin(s->run);
    }

    return MUTT_OK;
}


static mutt_rc_t
beat(side_t *s, mutt_janitor_t *janitor, mutt_usec_t now, mutt_err_t *err)
{
    mutt_run_t *run = s->run;
    char token[sizeof(run->token)];
    int64_t recovered;

    (void) pthread_mutex_lock(&run->lock);
    memcpy(token, run->token, sizeof(token));
    (void) pthread_mutex_unlock(&run->lock);

    mutt_rc_t rc =
        mutt_janitor_turn(janitor, s->redis, token, now, &recovered, err);

    if (recovered > 0) {
        mutt_metric_add(run->metrics, MUTT_M_RECOVERED_ALL,
                        (uint64_t) recovered);
        mutt_log(run->log, MUTT_LOG_WARNING, "janitor",
                 "recovered %lld items of silent workers",
                 (long long) recovered);
    }

    return rc;
}


static mutt_rc_t
beat_all(side_t *s, mutt_usec_t now, mutt_err_t *err)
{
    mutt_run_t *run = s->run;
    mutt_rc_t rc = MUTT_OK;

    for (int i = 0; i < MUTT_RUN_WATCHES && rc == MUTT_OK; i++) {
        if (s->janitors[i] == NULL || now < s->beat_at[i]) {
            continue;
        }

        s->beat_at[i] =
            now + mutt_set_int(run->base, run->worker->watches[i].heartbeat) *
                      MUTT_USEC_SEC;
        rc = beat(s, s->janitors[i], now, err);
    }

    return rc;
}


/* What was watched over a connection that was lost says nothing. */
static void
forget_all(side_t *s)
{
    for (int i = 0; i < MUTT_RUN_WATCHES; i++) {
        if (s->janitors[i] != NULL) {
            mutt_janitor_forget(s->janitors[i]);
            s->beat_at[i] = 0;
        }
    }
}


static void
turn_redis(side_t *s, mutt_usec_t now)
{
    mutt_err_t err;
    mutt_rc_t rc = MUTT_OK;
    mutt_run_t *run = s->run;

    if (!mutt_redis_connected(s->redis)) {
        if (now < s->retry_at) {
            return;
        }

        s->retry_at = now + RECONNECT_EVERY;
        forget_all(s);
        rc = mutt_redis_connect(s->redis, &err);
        s->settings_at = 0;
    }

    if (rc == MUTT_OK && now >= s->settings_at) {
        s->settings_at = now + SETTINGS_EVERY;
        rc = fetch_settings(s, &err);
    }

    if (rc == MUTT_OK) {
        rc = beat_all(s, now, &err);
    }

    /* the main thread logs the outage; this one just tries again */
    mutt_run_check(run, "redis", rc == MUTT_OK,
                   rc == MUTT_OK ? "ok" : mutt_rc_word(rc));
}


static void
turn_notices(side_t *s, mutt_usec_t now)
{
    mutt_err_t err;
    const mutt_reply_t *reply;

    if (mutt_redis_connected(s->notices) || now < s->notices_at) {
        return;
    }

    s->notices_at = now + RECONNECT_EVERY;

    if (mutt_redis_connect(s->notices, &err) != MUTT_OK ||
        mutt_redis_call(
            s->notices, 2,
            (mutt_str_t[]) { MUTT_STR("SUBSCRIBE"),
                             mutt_str(mutt_keys[MUTT_KEY_UPDATES]) },
            0, &reply, &err) != MUTT_OK) {
        mutt_redis_close(s->notices);
        return;
    }

    /* what was published meanwhile was missed */
    ask_reload(s->run);
}


static void
on_notice(side_t *s)
{
    mutt_err_t err;
    const mutt_reply_t *reply;

    if (mutt_redis_receive(s->notices, &reply, &err) != MUTT_OK) {
        mutt_redis_close(s->notices);
        return;
    }

    if (reply->type != MUTT_REPLY_ARRAY || reply->n != 3 ||
        !mutt_str_eq(reply->items[0]->str, MUTT_STR("message"))) {
        return;
    }

    if (mutt_str_eq(reply->items[2]->str, MUTT_STR("rules"))) {
        ask_reload(s->run);
    } else {
        s->settings_at = 0;
    }
}


static void
destroy_side(side_t *s)
{
    mutt_redis_destroy(s->redis);
    mutt_redis_destroy(s->notices);

    for (int i = 0; i < MUTT_RUN_WATCHES; i++) {
        mutt_janitor_destroy(s->janitors[i]);
    }

    free(s->values);
    free(s);
}


static void *
side_main(void *data)
{
    side_t *s = data;
    mutt_run_t *run = s->run;

    while (!__atomic_load_n(&run->done, __ATOMIC_SEQ_CST)) {
        mutt_usec_t now = mutt_time_mono();

        turn_notices(s, now);
        turn_redis(s, now);
        mutt_log_tick(run->log, now);

        struct pollfd p = { .fd = mutt_redis_fd(s->notices), .events = POLLIN };

        if (poll(&p, 1, TICK_MS) == 1) {
            do {
                on_notice(s);
            } while (mutt_redis_pending(s->notices));
        }
    }

    for (int i = 0; i < MUTT_SETTING_COUNT; i++) {
        free((char *) s->values[i].data);
    }

    destroy_side(s);

    return NULL;
}


static bool
create_janitors(side_t *s)
{
    const mutt_worker_t *worker = s->run->worker;

    for (int i = 0; i < MUTT_RUN_WATCHES; i++) {
        const mutt_watch_t *watch = &worker->watches[i];

        if (watch->kind == NULL) {
            break;
        }

        s->janitors[i] = mutt_janitor_create(
            s->run->base, watch->kind, worker->queueless ? "" : s->run->pod,
            mutt_set_int(s->run->base, watch->lease) * MUTT_USEC_SEC);

        if (s->janitors[i] == NULL) {
            return false;
        }
    }

    return true;
}


bool
mutt_side_start(mutt_run_t *run)
{
    char name[MUTT_RUN_TEXT * 3];
    side_t *s = calloc(1, sizeof(side_t));

    if (s == NULL) {
        return false;
    }

    (void) snprintf(name, sizeof(name), "%s:%s:side", run->worker->kind,
                    run->pod);
    s->run = run;
    s->redis = mutt_redis_create(run->base, name);
    s->notices = mutt_redis_create(run->base, name);
    s->values = calloc(MUTT_SETTING_COUNT, sizeof(mutt_str_t));

    if (s->redis != NULL && s->notices != NULL && s->values != NULL &&
        create_janitors(s) &&
        pthread_create(&run->side, NULL, side_main, s) == 0) {
        run->side_started = true;
        return true;
    }

    destroy_side(s);

    return false;
}


void
mutt_side_stop(mutt_run_t *run)
{
    if (run->side_started) {
        __atomic_store_n(&run->done, 1, __ATOMIC_SEQ_CST);
        (void) pthread_join(run->side, NULL);
        run->side_started = false;
    }
}
