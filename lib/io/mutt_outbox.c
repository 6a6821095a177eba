#include "mutt_outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "domain/mutt_keys.h"

#define DUE_MAX "100"
#define NUMBER 24
#define HEAD_MAX 160


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


/* The items of a reply, as they stand in it. */
static mutt_rc_t
list_items(const mutt_reply_t *reply, size_t first, mutt_pool_t *pool,
           size_t *n, mutt_str_t **items, mutt_err_t *err)
{
    size_t count = reply->n - first;
    mutt_str_t *list = mutt_pool_alloc(pool, (count + 1) * sizeof(mutt_str_t));

    if (list == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for alerts");
    }

    for (size_t i = 0; i < count; i++) {
        list[i] = reply->items[first + i]->str;
    }

    *n = count;
    *items = list;

    return MUTT_OK;
}


mutt_rc_t
mutt_outbox_begin_admit(mutt_queue_t *queue, const mutt_outbox_names_t *names,
                        const mutt_outbox_limits_t *limits, size_t max,
                        mutt_err_t *err)
{
    char text[5][NUMBER];
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

    return mutt_redis_script_begin(mutt_queue_redis(queue), MUTT_SCRIPT_ADMIT,
                                   7, keys, 8, args, err);
}


mutt_rc_t
mutt_outbox_end_admit(mutt_queue_t *queue, mutt_pool_t *pool,
                      mutt_admission_t *admission, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc = mutt_redis_script_end(mutt_queue_redis(queue), &reply, err);

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

    rc = list_items(reply, 10, pool, &a.n, &a.items, err);

    if (rc == MUTT_OK) {
        *admission = a;
    }

    return rc;
}


static char
code_of(const mutt_settle_t *settle)
{
    switch (settle->sent) {
    case MUTT_SENT_OK:
        return 'W';
    case MUTT_SENT_RETRY:
        return 'R';
    case MUTT_SENT_DLQ:
        return 'D';
    case MUTT_SENT_DEAD:
        return 'Q';
    case MUTT_SENT_BACK:
        return settle->hold_ms > 0 ? 'H' : 'B';
    }

    abort();
}


static char
sign_of(mutt_sign_t sign)
{
    switch (sign) {
    case MUTT_SIGN_NONE:
        return '.';
    case MUTT_SIGN_GOOD:
        return '+';
    case MUTT_SIGN_BAD:
        return '-';
    }

    abort();
}


/* By this much of it an item is known: its ids are there. */
static mutt_str_t
head_of(mutt_str_t item)
{
    return (mutt_str_t) { item.data == NULL ? "" : item.data,
                          item.len < HEAD_MAX ? item.len : HEAD_MAX };
}


/* The arguments of a settlement, and the texts in them. */
typedef struct {
    mutt_str_t *args;
    size_t n;
    char *codes;
    char *signs;
    char (*numbers)[NUMBER];
} settlement_t;


static void
put(settlement_t *s, mutt_str_t arg)
{
    s->args[s->n++] = arg;
}


static bool
begin_settlement(settlement_t *s, size_t n)
{
    /* nine, and at most: an item, its payload and one number each */
    *s = (settlement_t) {
        .args = malloc((9 + 3 * n) * sizeof(mutt_str_t)),
        .codes = malloc(n + 1),
        .signs = malloc(n + 1),
        .numbers = malloc((n + 1) * NUMBER),
    };

    return s->args != NULL && s->codes != NULL && s->signs != NULL &&
           s->numbers != NULL;
}


static void
end_settlement(settlement_t *s)
{
    free(s->args);
    free(s->codes);
    free(s->signs);
    free(s->numbers);
}


static void
put_items(settlement_t *s, const mutt_settle_t *settles, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        s->codes[i] = code_of(&settles[i]);
        s->signs[i] = sign_of(settles[i].sign);
        put(s, settles[i].item);
    }

    for (size_t i = 0; i < n; i++) {
        char code = s->codes[i];

        if (code == 'R' || code == 'D' || code == 'Q') {
            put(s, settles[i].payload);
        }

        if (code == 'R') {
            put(s, number(s->numbers[i], settles[i].delay_ms));
        } else if (code == 'H') {
            put(s, number(s->numbers[i], settles[i].hold_ms));
        }
    }
}


mutt_rc_t
mutt_outbox_begin_settle(mutt_queue_t *queue, const mutt_outbox_names_t *names,
                         const mutt_outbox_limits_t *limits,
                         const mutt_outbox_run_t *oldest,
                         const mutt_settle_t *settles, size_t n,
                         mutt_err_t *err)
{
    char text[3][NUMBER];
    settlement_t s;

    if (!begin_settlement(&s, n)) {
        end_settlement(&s);
        return mutt_fail(err, MUTT_NOMEM, "out of memory to settle");
    }

    put(&s, mutt_str(mutt_queue_id(queue)));
    put(&s, mutt_str(mutt_queue_token(queue)));
    put(&s, limits->breaker_enabled ? MUTT_STR("1") : MUTT_STR("0"));
    put(&s, number(text[0], limits->breaker_threshold));
    put(&s, number(text[1], (int64_t) oldest->n));
    put(&s, number(text[2], (int64_t) oldest->held));
    put(&s, head_of(oldest->newest));
    put(&s, (mutt_str_t) { s.codes, n });
    put(&s, (mutt_str_t) { s.signs, n });
    put_items(&s, settles, n);

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
    mutt_rc_t rc = mutt_redis_script_begin(
        mutt_queue_redis(queue), MUTT_SCRIPT_SETTLE, 9, keys, s.n, s.args, err);

    end_settlement(&s);

    return rc;
}


mutt_rc_t
mutt_outbox_end_settle(mutt_queue_t *queue, mutt_settled_t *settled,
                       mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc = mutt_redis_script_end(mutt_queue_redis(queue), &reply, err);

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

    return rc == MUTT_OK ? list_items(reply, 1, pool, n, items, err) : rc;
}


mutt_rc_t
mutt_outbox_due(mutt_queue_t *queue, const mutt_outbox_names_t *names,
                int64_t longest_ms, size_t *moved, mutt_err_t *err)
{
    char longest[NUMBER];
    const mutt_reply_t *reply;
    mutt_rc_t rc = mutt_redis_script(
        mutt_queue_redis(queue), MUTT_SCRIPT_DUE, 2,
        (mutt_str_t[]) { key(MUTT_KEY_RETRY), names->queue }, 2,
        (mutt_str_t[]) { MUTT_STR(DUE_MAX), number(longest, longest_ms) },
        &reply, err);

    if (rc == MUTT_OK) {
        *moved = (size_t) reply->integer;
    }

    return rc;
}
