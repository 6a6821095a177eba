#include "mutt_queue.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mutt_uuid.h"
#include "domain/mutt_keys.h"
#include "mutt_queue_names.h"
#include "mutt_recover.h"

#define CLAIM_MAX 1000

/* what a claim may weigh: parsed, audited and committed within a timeout */
#define CLAIM_BYTES "8388608"

/* numbers in front of the items of a claim */
#define CLAIM_HEAD 4

/* the doorbell's stand-in while Redis is full */
#define POLL_MS 20

struct mutt_queue_s {
    const mutt_settings_t *settings;
    mutt_queue_names_t names;
    char pod[MUTT_NAME_SIZE];
    mutt_redis_t *redis;
    char process[17];            /* this process's life, in random hex */
    char token[MUTT_TOKEN_SIZE]; /* held last; "" before the first */
    bool registered;
    bool deaf; /* the doorbell was refused */
    int64_t recovered;
};


static mutt_str_t
key(mutt_key_t id)
{
    return mutt_str(mutt_keys[id]);
}


static mutt_str_t
setting(const mutt_queue_t *q, mutt_setting_t id)
{
    return mutt_str(mutt_set_text(q->settings, id));
}


static bool
name_process(char process[17])
{
    unsigned char random[8];

    if (!mutt_random(random, sizeof(random))) {
        return false;
    }

    for (size_t i = 0; i < sizeof(random); i++) {
        (void) snprintf(process + 2 * i, 3, "%02x", random[i]);
    }

    return true;
}


mutt_queue_t *
mutt_queue_create(const mutt_settings_t *settings, const char *kind,
                  const char *pod)
{
    mutt_queue_t *q = calloc(1, sizeof(mutt_queue_t));

    if (q == NULL) {
        return NULL;
    }

    q->settings = settings;
    (void) snprintf(q->pod, sizeof(q->pod), "%s", pod);
    mutt_queue_names(settings, kind, pod, &q->names);
    q->redis = mutt_redis_create(settings, q->names.id);

    if (q->redis == NULL || !name_process(q->process)) {
        mutt_queue_destroy(q);
        return NULL;
    }

    return q;
}


void
mutt_queue_destroy(mutt_queue_t *queue)
{
    if (queue == NULL) {
        return;
    }

    mutt_redis_destroy(queue->redis);
    free(queue);
}


mutt_redis_t *
mutt_queue_redis(mutt_queue_t *queue)
{
    return queue->redis;
}


const char *
mutt_queue_pod(const mutt_queue_t *queue)
{
    return queue->pod;
}


const char *
mutt_queue_id(const mutt_queue_t *queue)
{
    return queue->names.id;
}


const char *
mutt_queue_processing(const mutt_queue_t *queue)
{
    return queue->names.processing;
}


const char *
mutt_queue_token(const mutt_queue_t *queue)
{
    return queue->token;
}


bool
mutt_queue_registered(const mutt_queue_t *queue)
{
    return queue->registered && mutt_redis_connected(queue->redis);
}


int64_t
mutt_queue_recovered(const mutt_queue_t *queue)
{
    return queue->recovered;
}


/* What an earlier life of this name left behind. */
static mutt_rc_t
recover_own(mutt_queue_t *q, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    char token[MUTT_TOKEN_SIZE];
    mutt_rc_t rc =
        mutt_redis_call(q->redis, 3,
                        (mutt_str_t[]) { MUTT_STR("HGET"), key(MUTT_KEY_FENCE),
                                         mutt_str(q->names.id) },
                        0, &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    (void) snprintf(token, sizeof(token), "%.*s", MUTT_STR_ARG(reply->str));

    return mutt_recover(q->redis, &q->names, mutt_str(token), &q->recovered,
                        err);
}


mutt_rc_t
mutt_queue_register(mutt_queue_t *queue, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc = MUTT_OK;

    queue->registered = false;

    if (!mutt_redis_connected(queue->redis)) {
        rc = mutt_redis_connect(queue->redis, err);
    }

    if (rc == MUTT_OK && queue->token[0] == '\0') {
        rc = recover_own(queue, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    rc = mutt_redis_script(
        queue->redis, MUTT_SCRIPT_REGISTER, 5,
        (mutt_str_t[]) { key(MUTT_KEY_FENCE), key(MUTT_KEY_WORKERS),
                         key(MUTT_KEY_EPOCH), key(MUTT_KEY_BEATS),
                         mutt_str(queue->names.heartbeat) },
        4,
        (mutt_str_t[]) { mutt_str(queue->names.id), mutt_str(queue->token),
                         mutt_str(queue->process),
                         MUTT_STR(MUTT_HEARTBEAT_TTL) },
        &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    if (reply->type != MUTT_REPLY_INT) {
        return mutt_fail(err, MUTT_DENIED,
                         "another process has taken the name %s",
                         queue->names.id);
    }

    (void) snprintf(queue->token, sizeof(queue->token), "%lld", reply->integer);
    queue->registered = true;

    return MUTT_OK;
}


mutt_rc_t
mutt_queue_check_fence(mutt_queue_t *queue, const mutt_reply_t *reply,
                       mutt_err_t *err)
{
    if (reply->type != MUTT_REPLY_ARRAY || reply->n == 0) {
        return mutt_fail(err, MUTT_BUG, "queue: unexpected reply");
    }

    if (mutt_str_eq(reply->items[0]->str, MUTT_STR("OK")) ||
        mutt_str_eq(reply->items[0]->str, MUTT_STR("NEED"))) {
        return MUTT_OK;
    }

    if (mutt_str_eq(reply->items[0]->str, MUTT_STR("STALE"))) {
        return mutt_fail(err, MUTT_STALE, "queue: the claim is not current");
    }

    queue->registered = false;

    return mutt_fail(err, MUTT_FENCED, "queue: fenced off");
}


static mutt_rc_t
copy_claim(const mutt_reply_t *reply, const char *token, mutt_pool_t *pool,
           mutt_claim_t *claim, mutt_err_t *err)
{
    size_t n = reply->n - CLAIM_HEAD;
    mutt_str_t *items = mutt_pool_alloc(pool, (n + 1) * sizeof(mutt_str_t));

    for (size_t i = 0; items != NULL && i < n; i++) {
        items[i] = mutt_pool_dup(pool, reply->items[CLAIM_HEAD + i]->str);

        if (items[i].data == NULL) {
            items = NULL;
        }
    }

    if (items == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a claim");
    }

    (void) snprintf(claim->token, sizeof(claim->token), "%s", token);
    claim->n = n;
    claim->items = items;
    claim->number = reply->items[1]->integer;
    claim->source_depth = reply->items[2]->integer;
    claim->alert_depth = reply->items[3]->integer;

    return MUTT_OK;
}


/* ahead: n and number, of the claim that is not settled yet. */
static mutt_rc_t
claim_behind(mutt_queue_t *queue, size_t max, int64_t alerts_max,
             const mutt_claim_t *ahead, mutt_pool_t *pool, mutt_claim_t *claim,
             mutt_err_t *err)
{
    const mutt_reply_t *reply;
    char most[16];
    char bound[24];
    char held[24];
    char number[24];

    (void) snprintf(most, sizeof(most), "%zu",
                    max > CLAIM_MAX ? (size_t) CLAIM_MAX : max);
    (void) snprintf(bound, sizeof(bound), "%lld", (long long) alerts_max);
    (void) snprintf(held, sizeof(held), "%zu", ahead->n);
    (void) snprintf(number, sizeof(number), "%lld", (long long) ahead->number);

    mutt_rc_t rc = mutt_redis_script(
        queue->redis, MUTT_SCRIPT_CLAIM, 5,
        (mutt_str_t[]) { queue->names.source, mutt_str(queue->names.processing),
                         key(MUTT_KEY_FENCE),
                         setting(queue, MUTT_SET_ALERT_QUEUE_NAME),
                         mutt_str(queue->names.bell) },
        7,
        (mutt_str_t[]) { mutt_str(queue->names.id), mutt_str(queue->token),
                         mutt_str(most), MUTT_STR(CLAIM_BYTES), mutt_str(bound),
                         mutt_str(held), mutt_str(number) },
        &reply, err);

    if (rc == MUTT_OK) {
        rc = mutt_queue_check_fence(queue, reply, err);
    }

    if (rc == MUTT_OK && reply->n < CLAIM_HEAD) {
        return mutt_fail(err, MUTT_BUG, "queue: short claim");
    }

    if (rc == MUTT_OK) {
        rc = copy_claim(reply, queue->token, pool, claim, err);
    }

    if (rc == MUTT_OK && claim->n == 0) {
        return MUTT_AGAIN;
    }

    return rc;
}


mutt_rc_t
mutt_queue_claim(mutt_queue_t *queue, size_t max, int64_t alerts_max,
                 mutt_pool_t *pool, mutt_claim_t *claim, mutt_err_t *err)
{
    const mutt_claim_t none = { 0 };

    return claim_behind(queue, max, alerts_max, &none, pool, claim, err);
}


mutt_rc_t
mutt_queue_claim_more(mutt_queue_t *queue, size_t max,
                      const mutt_claim_t *ahead, mutt_pool_t *pool,
                      mutt_claim_t *claim, mutt_err_t *err)
{
    return claim_behind(queue, max, -1, ahead, pool, claim, err);
}


/* Waits, less long when the connection ends. */
static void
pause_for(const mutt_queue_t *q, unsigned ms)
{
    struct pollfd p = { .fd = mutt_redis_fd(q->redis), .events = POLLIN };

    (void) poll(&p, 1, (int) ms);
}


mutt_rc_t
mutt_queue_wait(mutt_queue_t *queue, unsigned wait_ms, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    char seconds[16];

    /* zero would be for ever */
    wait_ms = wait_ms == 0 ? 1 : wait_ms;
    (void) snprintf(seconds, sizeof(seconds), "%u.%03u", wait_ms / 1000,
                    wait_ms % 1000);

    mutt_rc_t rc = mutt_redis_call(
        queue->redis, 4,
        (mutt_str_t[]) { MUTT_STR("BRPOPLPUSH"), queue->names.source,
                         mutt_str(queue->names.bell), mutt_str(seconds) },
        wait_ms, &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    if (reply->type == MUTT_REPLY_STRING) {
        return MUTT_OK;
    }

    /* a full Redis refuses the doorbell, yet the claim script may run */
    queue->deaf = reply->type == MUTT_REPLY_ERROR &&
                  strncmp(reply->str.data, "OOM ", 4) == 0;

    if (queue->deaf) {
        pause_for(queue, wait_ms < POLL_MS ? wait_ms : POLL_MS);
        return MUTT_AGAIN;
    }

    if (reply->type == MUTT_REPLY_ERROR) {
        return mutt_fail(err, MUTT_UNAVAIL, "redis: wait: %.180s",
                         reply->str.data);
    }

    return MUTT_AGAIN;
}


bool
mutt_queue_rings(const mutt_queue_t *queue)
{
    return !queue->deaf;
}


static char
code_of(mutt_dest_t dest)
{
    switch (dest) {
    case MUTT_TO_ALERT:
        return 'F';
    case MUTT_TO_LOGGED:
        return 'L';
    case MUTT_TO_SUPPRESSED:
        return 'S';
    case MUTT_TO_UNHANDLED:
        return 'U';
    case MUTT_TO_RETRY:
        return 'R';
    case MUTT_TO_DLQ:
    case MUTT_TO_SHED:
        return 'D';
    case MUTT_TO_DEAD:
        return 'Q';
    case MUTT_TO_DEAD_EXTERNAL:
        return 'X';
    }

    abort();
}


static void
print_int(char out[24], int64_t n)
{
    (void) snprintf(out, 24, "%lld", (long long) n);
}


/* A commit on its way: what it says, and the numbers in it as text. */
typedef struct {
    mutt_str_t *args;
    size_t n;
    char *codes;
    char (*numbers)[24];
    size_t n_numbers;
} commit_t;


static void
put(commit_t *c, mutt_str_t arg)
{
    c->args[c->n++] = arg;
}


static void
put_int(commit_t *c, int64_t n)
{
    char *text = c->numbers[c->n_numbers++];

    print_int(text, n);
    put(c, mutt_str(text));
}


static bool
begin_commit(commit_t *c, size_t n_items, size_t n_kinds)
{
    /* eight, and at most: a payload an item; three a kind and three a
     * meta-alert, of which two and one are numbers */
    *c = (commit_t) {
        .args = malloc((8 + n_items + 6 * n_kinds) * sizeof(mutt_str_t)),
        .codes = malloc(n_items + 1),
        .numbers = malloc((5 + 3 * n_kinds) * 24),
    };

    return c->args != NULL && c->codes != NULL && c->numbers != NULL;
}


static void
end_commit(commit_t *c)
{
    free(c->args);
    free(c->codes);
    free(c->numbers);
}


static bool
has_payload(mutt_dest_t dest)
{
    return dest != MUTT_TO_LOGGED && dest != MUTT_TO_SUPPRESSED &&
           dest != MUTT_TO_UNHANDLED;
}


/* How many kinds have more than the one event that is taken for granted. */
static int64_t
count_more(const mutt_unhandled_t *kinds, size_t n_kinds)
{
    int64_t n = 0;

    for (size_t k = 0; k < n_kinds; k++) {
        n += kinds[k].times != 1;
    }

    return n;
}


static void
put_items(commit_t *c, const mutt_claim_t *claim,
          const mutt_verdict_t *verdicts)
{
    for (size_t i = 0; i < claim->n; i++) {
        if (has_payload(verdicts[i].dest)) {
            put(c, verdicts[i].payload.data == NULL ? MUTT_STR("")
                                                    : verdicts[i].payload);
        }
    }
}


/* The kinds, and the meta-alerts of those that have theirs. */
static void
put_kinds(commit_t *c, const mutt_unhandled_t *kinds, size_t n_kinds)
{
    for (size_t k = 0; k < n_kinds; k++) {
        put(c, kinds[k].key);
    }

    for (size_t k = 0; k < n_kinds; k++) {
        if (kinds[k].times != 1) {
            put_int(c, (int64_t) k);
            put_int(c, kinds[k].times);
        }
    }

    for (size_t k = 0; k < n_kinds; k++) {
        if (kinds[k].meta_head.data != NULL) {
            put_int(c, (int64_t) k);
            put(c, kinds[k].meta_head);
            put(c, kinds[k].meta_tail);
        }
    }
}


static mutt_rc_t
send_commit(mutt_queue_t *queue, const mutt_claim_t *claim,
            const mutt_verdict_t *verdicts, const mutt_unhandled_t *kinds,
            size_t n_kinds, const mutt_raising_t *raising,
            const mutt_reply_t **reply, mutt_err_t *err)
{
    commit_t c;

    if (!begin_commit(&c, claim->n, n_kinds)) {
        end_commit(&c);
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a commit");
    }

    for (size_t i = 0; i < claim->n; i++) {
        c.codes[i] = code_of(verdicts[i].dest);
    }

    put(&c, mutt_str(queue->names.id));
    put(&c, mutt_str(claim->token));
    put_int(&c, claim->number);
    put(&c, (mutt_str_t) { c.codes, claim->n });
    put_int(&c, (int64_t) n_kinds);
    put_int(&c, raising->threshold);
    put_int(&c, raising->expiry_s);
    put_int(&c, count_more(kinds, n_kinds));
    put_items(&c, claim, verdicts);
    put_kinds(&c, kinds, n_kinds);

    mutt_rc_t rc = mutt_redis_script(
        queue->redis, MUTT_SCRIPT_COMMIT, 7,
        (mutt_str_t[]) { mutt_str(queue->names.processing), key(MUTT_KEY_FENCE),
                         key(MUTT_KEY_LEDGER), queue->names.source,
                         setting(queue, MUTT_SET_ALERT_QUEUE_NAME),
                         queue->names.dlq,
                         setting(queue, MUTT_SET_DEAD_LETTER_QUEUE) },
        c.n, c.args, reply, err);

    end_commit(&c);

    return rc == MUTT_OK ? mutt_queue_check_fence(queue, *reply, err) : rc;
}


/* Writes the meta-alerts that the script asked for. */
static mutt_rc_t
write_needed(const mutt_reply_t *reply, mutt_unhandled_t *kinds, size_t n_kinds,
             const mutt_raising_t *raising, mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;

    for (size_t i = 1; i < reply->n && rc == MUTT_OK; i++) {
        int64_t k = reply->items[i]->integer;

        if (k < 0 || (size_t) k >= n_kinds || kinds[k].meta_head.data != NULL) {
            return mutt_fail(err, MUTT_BUG, "a commit needs what it has");
        }

        rc = raising->write(raising->data, (size_t) k, &kinds[k], err);
    }

    return rc;
}


mutt_rc_t
mutt_queue_commit(mutt_queue_t *queue, const mutt_claim_t *claim,
                  const mutt_verdict_t *verdicts, mutt_unhandled_t *kinds,
                  size_t n_kinds, const mutt_raising_t *raising, int64_t *metas,
                  mutt_err_t *err)
{
    /* other workers may count a kind up to its threshold meanwhile, each time
     * one more that has its meta-alert then */
    for (size_t turn = 0; turn <= n_kinds; turn++) {
        const mutt_reply_t *reply = NULL;
        mutt_rc_t rc = send_commit(queue, claim, verdicts, kinds, n_kinds,
                                   raising, &reply, err);

        if (rc != MUTT_OK || reply == NULL) {
            return rc;
        }

        if (!mutt_str_eq(reply->items[0]->str, MUTT_STR("NEED"))) {
            *metas = reply->items[1]->integer;
            return MUTT_OK;
        }

        rc = write_needed(reply, kinds, n_kinds, raising, err);

        if (rc != MUTT_OK) {
            return rc;
        }
    }

    return mutt_fail(err, MUTT_BUG, "a commit needs more than there is");
}


mutt_rc_t
mutt_queue_leave(mutt_queue_t *queue, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc = mutt_redis_script(
        queue->redis, MUTT_SCRIPT_LEAVE, 6,
        (mutt_str_t[]) { key(MUTT_KEY_FENCE), key(MUTT_KEY_WORKERS),
                         key(MUTT_KEY_BEATS), mutt_str(queue->names.heartbeat),
                         mutt_str(queue->names.processing),
                         queue->names.source },
        2, (mutt_str_t[]) { mutt_str(queue->names.id), mutt_str(queue->token) },
        &reply, err);

    queue->registered = false;

    return rc == MUTT_OK ? mutt_queue_check_fence(queue, reply, err) : rc;
}


static mutt_rc_t
length_of(mutt_queue_t *q, mutt_str_t list, int64_t *length, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc = mutt_redis_call(
        q->redis, 2, (mutt_str_t[]) { MUTT_STR("LLEN"), list }, 0, &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    if (reply->type != MUTT_REPLY_INT) {
        return mutt_fail(err, MUTT_UNAVAIL, "redis: a length: %.150s",
                         reply->str.data);
    }

    *length = reply->integer;

    return MUTT_OK;
}


mutt_rc_t
mutt_queue_depths(mutt_queue_t *queue, mutt_queue_depths_t *depths,
                  mutt_err_t *err)
{
    mutt_rc_t rc = length_of(queue, setting(queue, MUTT_SET_ALERT_QUEUE_NAME),
                             &depths->alerts, err);

    if (rc == MUTT_OK) {
        rc = length_of(queue, queue->names.dlq, &depths->dlq, err);
    }

    return rc == MUTT_OK ? length_of(queue, mutt_str(queue->names.bell),
                                     &depths->bell, err)
                         : rc;
}
