#include "mutt_outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "domain/mutt_keys.h"

#define DUE_MAX "100"
#define NUMBER 24


static mutt_str_t
key(mutt_key_t id)
{
    return mutt_str(mutt_keys[id]);
}


static mutt_str_t
number(char out[NUMBER], int64_t n)
{
    (void) snprintf(out, NUMBER, "%lld", (long long) n);

    return mutt_str(out);
}


static mutt_rc_t
copy_items(const mutt_reply_t *reply, size_t first, mutt_pool_t *pool,
           size_t *n, mutt_str_t **items, mutt_err_t *err)
{
    size_t count = reply->n - first;
    mutt_str_t *copies =
        mutt_pool_alloc(pool, (count + 1) * sizeof(mutt_str_t));

    for (size_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = mutt_pool_dup(pool, reply->items[first + i]->str);

        if (copies[i].data == NULL) {
            copies = NULL;
        }
    }

    if (copies == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for alerts");
    }

    *n = count;
    *items = copies;

    return MUTT_OK;
}


mutt_rc_t
mutt_outbox_admit(mutt_queue_t *queue, const mutt_outbox_names_t *names,
                  const mutt_outbox_limits_t *limits, size_t max,
                  mutt_pool_t *pool, mutt_admission_t *admission,
                  mutt_err_t *err)
{
    char text[5][NUMBER];
    const mutt_reply_t *reply;
    const mutt_str_t keys[] = {
        names->queue,
        mutt_str(mutt_queue_processing(queue)),
        key(MUTT_KEY_FENCE),
        key(MUTT_KEY_RATE_MOOG),
        key(MUTT_KEY_BREAKER),
        key(MUTT_KEY_RETRY),
        names->dlq,
    };
    const mutt_str_t args[] = {
        mutt_str(mutt_queue_id(queue)),
        mutt_str(mutt_queue_token(queue)),
        number(text[0], (int64_t) max),
        number(text[1], limits->rate_limit),
        number(text[2], limits->rate_period_s),
        limits->breaker_enabled ? MUTT_STR("1") : MUTT_STR("0"),
        number(text[3], limits->breaker_timeout_s),
        number(text[4], limits->probe_timeout_ms),
    };

    mutt_rc_t rc = mutt_redis_script(mutt_queue_redis(queue), MUTT_SCRIPT_ADMIT,
                                     7, keys, 8, args, &reply, err);

    if (rc == MUTT_OK) {
        rc = mutt_queue_check_fence(queue, reply, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    mutt_reply_t **f = reply->items;
    mutt_admission_t a = {
        .breaker = (mutt_breaker_state_t) f[1]->integer,
        .breaker_failures = f[2]->integer,
        .wait_ms = f[3]->integer,
        .limited = f[4]->integer == 1,
        .probe = f[5]->integer == 1,
        .queue_depth = f[6]->integer,
        .retry_depth = f[7]->integer,
        .dlq_depth = f[8]->integer,
        .breaker_before = (mutt_breaker_state_t) f[9]->integer,
    };

    rc = copy_items(reply, 10, pool, &a.n, &a.items, err);

    if (rc == MUTT_OK) {
        *admission = a;
    }

    return rc;
}


static mutt_str_t
code_of(mutt_sent_t sent)
{
    switch (sent) {
    case MUTT_SENT_OK:
        return MUTT_STR("W");
    case MUTT_SENT_RETRY:
        return MUTT_STR("R");
    case MUTT_SENT_DLQ:
        return MUTT_STR("D");
    case MUTT_SENT_DEAD:
        return MUTT_STR("Q");
    case MUTT_SENT_BACK:
        return MUTT_STR("B");
    }

    abort();
}


static mutt_str_t
sign_of(mutt_sign_t sign)
{
    switch (sign) {
    case MUTT_SIGN_NONE:
        return MUTT_STR("");
    case MUTT_SIGN_GOOD:
        return MUTT_STR("+");
    case MUTT_SIGN_BAD:
        return MUTT_STR("-");
    }

    abort();
}


typedef struct {
    char delay[NUMBER];
    char hold[NUMBER];
} settle_text_t;


mutt_rc_t
mutt_outbox_settle(mutt_queue_t *queue, const mutt_outbox_names_t *names,
                   const mutt_outbox_limits_t *limits,
                   const mutt_settle_t *settles, size_t n,
                   mutt_settled_t *settled, mutt_err_t *err)
{
    char text[2][NUMBER];
    const mutt_reply_t *reply;
    mutt_str_t *args = malloc((5 + 6 * n) * sizeof(mutt_str_t));
    settle_text_t *texts = malloc((n + 1) * sizeof(settle_text_t));

    if (args == NULL || texts == NULL) {
        free(args);
        free(texts);
        return mutt_fail(err, MUTT_NOMEM, "out of memory to settle");
    }

    args[0] = mutt_str(mutt_queue_id(queue));
    args[1] = mutt_str(mutt_queue_token(queue));
    args[2] = number(text[0], (int64_t) n);
    args[3] = limits->breaker_enabled ? MUTT_STR("1") : MUTT_STR("0");
    args[4] = number(text[1], limits->breaker_threshold);

    for (size_t i = 0; i < n; i++) {
        mutt_str_t *a = &args[5 + 6 * i];

        a[0] = settles[i].item;
        a[1] = code_of(settles[i].sent);
        a[2] = sign_of(settles[i].sign);
        a[3] =
            settles[i].payload.data == NULL ? MUTT_STR("") : settles[i].payload;
        a[4] = number(texts[i].delay, settles[i].delay_ms);
        a[5] = number(texts[i].hold, settles[i].hold_ms);
    }

    const mutt_str_t keys[] = {
        mutt_str(mutt_queue_processing(queue)),
        key(MUTT_KEY_FENCE),
        key(MUTT_KEY_LEDGER),
        names->queue,
        key(MUTT_KEY_RETRY),
        names->dlq,
        names->dead,
        key(MUTT_KEY_BREAKER),
        key(MUTT_KEY_RATE_MOOG),
    };
    mutt_rc_t rc =
        mutt_redis_script(mutt_queue_redis(queue), MUTT_SCRIPT_SETTLE, 9, keys,
                          5 + 6 * n, args, &reply, err);

    free(args);
    free(texts);

    if (rc == MUTT_OK) {
        rc = mutt_queue_check_fence(queue, reply, err);
    }

    if (rc == MUTT_OK) {
        settled->moved = (size_t) reply->items[1]->integer;
        settled->from = (mutt_breaker_state_t) reply->items[2]->integer;
        settled->to = (mutt_breaker_state_t) reply->items[3]->integer;
    }

    return rc;
}


mutt_rc_t
mutt_outbox_resume(mutt_queue_t *queue, mutt_pool_t *pool, size_t *n,
                   mutt_str_t **items, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc = mutt_redis_script(
        mutt_queue_redis(queue), MUTT_SCRIPT_RESUME, 2,
        (mutt_str_t[]) { mutt_str(mutt_queue_processing(queue)),
                         key(MUTT_KEY_FENCE) },
        2,
        (mutt_str_t[]) { mutt_str(mutt_queue_id(queue)),
                         mutt_str(mutt_queue_token(queue)) },
        &reply, err);

    if (rc == MUTT_OK) {
        rc = mutt_queue_check_fence(queue, reply, err);
    }

    return rc == MUTT_OK ? copy_items(reply, 1, pool, n, items, err) : rc;
}


mutt_rc_t
mutt_outbox_due(mutt_queue_t *queue, const mutt_outbox_names_t *names,
                size_t *moved, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc =
        mutt_redis_script(mutt_queue_redis(queue), MUTT_SCRIPT_DUE, 2,
                          (mutt_str_t[]) { key(MUTT_KEY_RETRY), names->queue },
                          1, (mutt_str_t[]) { MUTT_STR(DUE_MAX) }, &reply, err);

    if (rc == MUTT_OK) {
        *moved = (size_t) reply->integer;
    }

    return rc;
}
