#include "mutt_replay.h"

#include <stdio.h>
#include <stdlib.h>

#include "domain/mutt_keys.h"

#define NUMBER 24

/* they are sent twice to be moved, as they are and as they will be */
#define LOOK_BYTES "4194304"

static const struct {
    mutt_setting_t letters;
    mutt_setting_t target;
} lists[] = {
    [MUTT_REPLAY_EVENTS] = { MUTT_SET_ALERTER_DLQ_NAME,
                             MUTT_SET_INGEST_QUEUE_NAME },
    [MUTT_REPLAY_ALERTS] = { MUTT_SET_MOOG_DLQ_NAME,
                             MUTT_SET_ALERT_QUEUE_NAME },
};


static mutt_str_t
key(mutt_key_t id)
{
    return mutt_str(mutt_keys[id]);
}


static mutt_str_t
setting(const mutt_settings_t *settings, mutt_setting_t id)
{
    return mutt_str(mutt_set_text(settings, id));
}


static mutt_str_t
number(char out[NUMBER], int64_t n)
{
    (void) snprintf(out, NUMBER, "%lld", (long long) n);

    return mutt_str(out);
}


mutt_rc_t
mutt_replay_lease(mutt_redis_t *redis, const mutt_settings_t *settings,
                  mutt_str_t token, int64_t ms, mutt_replay_lease_t *lease,
                  mutt_err_t *err)
{
    char text[NUMBER];
    const mutt_reply_t *reply;
    mutt_rc_t rc = mutt_redis_script(
        redis, MUTT_SCRIPT_LEASE, 4,
        (mutt_str_t[]) { key(MUTT_KEY_REPLAY_LEASE),
                         setting(settings, MUTT_SET_ALERTER_DLQ_NAME),
                         setting(settings, MUTT_SET_MOOG_DLQ_NAME),
                         setting(settings, MUTT_SET_DEAD_LETTER_QUEUE) },
        2, (mutt_str_t[]) { token, number(text, ms) }, &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    if (reply->type != MUTT_REPLY_ARRAY || reply->n != 4) {
        return mutt_fail(err, MUTT_BUG, "replay: unexpected reply");
    }

    lease->held = reply->items[0]->integer == 1;
    lease->depth[MUTT_REPLAY_EVENTS] = reply->items[1]->integer;
    lease->depth[MUTT_REPLAY_ALERTS] = reply->items[2]->integer;
    lease->dead = reply->items[3]->integer;

    return MUTT_OK;
}


mutt_rc_t
mutt_replay_look(mutt_redis_t *redis, const mutt_settings_t *settings,
                 mutt_replay_list_t list, size_t max, mutt_pool_t *pool,
                 size_t *n, mutt_str_t **letters, mutt_err_t *err)
{
    char text[NUMBER];
    const mutt_reply_t *reply;
    mutt_rc_t rc = mutt_redis_script(
        redis, MUTT_SCRIPT_LOOK, 1,
        (mutt_str_t[]) { setting(settings, lists[list].letters) }, 2,
        (mutt_str_t[]) { number(text, (int64_t) max), MUTT_STR(LOOK_BYTES) },
        &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    if (reply->type != MUTT_REPLY_ARRAY) {
        return mutt_fail(err, MUTT_BUG, "replay: unexpected reply");
    }

    *n = reply->n;
    *letters = mutt_pool_alloc(pool, (*n + 1) * sizeof(mutt_str_t));

    for (size_t i = 0; *letters != NULL && i < *n; i++) {
        (*letters)[i] = mutt_pool_dup(pool, reply->items[i]->str);

        if ((*letters)[i].data == NULL) {
            *letters = NULL;
        }
    }

    return *letters == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for dead letters")
               : MUTT_OK;
}


static mutt_str_t
code_of(mutt_replay_dest_t dest)
{
    static const char *const codes[] = {
        [MUTT_REPLAY_BACK] = "P",
        [MUTT_REPLAY_DEAD] = "Q",
        [MUTT_REPLAY_DEAD_EXTERNAL] = "X",
        [MUTT_REPLAY_LATER] = "K",
    };

    return mutt_str(codes[dest]);
}


static mutt_rc_t
read_done(const mutt_reply_t *reply, mutt_replay_done_t *done, mutt_err_t *err)
{
    if (reply->type != MUTT_REPLY_ARRAY || reply->n == 0) {
        return mutt_fail(err, MUTT_BUG, "replay: unexpected reply");
    }

    if (mutt_str_eq(reply->items[0]->str, MUTT_STR("LOST"))) {
        return mutt_fail(err, MUTT_FENCED,
                         "replay: another process has the "
                         "lease");
    }

    if (reply->n != 5) {
        return mutt_fail(err, MUTT_BUG, "replay: short reply");
    }

    done->back = reply->items[1]->integer;
    done->dead = reply->items[2]->integer;
    done->later = reply->items[3]->integer;
    (void) snprintf(done->why, sizeof(done->why), "%.*s",
                    MUTT_STR_ARG(reply->items[4]->str));

    return MUTT_OK;
}


mutt_rc_t
mutt_replay_move(mutt_redis_t *redis, const mutt_settings_t *settings,
                 mutt_replay_list_t list, const mutt_replay_terms_t *terms,
                 const mutt_replay_move_t *moves, size_t n,
                 mutt_replay_done_t *done, mutt_err_t *err)
{
    char text[4][NUMBER];
    const mutt_reply_t *reply;
    mutt_str_t *args = malloc((6 + 3 * n) * sizeof(mutt_str_t));

    if (args == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a replay");
    }

    args[0] = terms->token;
    args[1] = number(text[0], terms->warn);
    args[2] = number(text[1], terms->breaker_timeout_s);
    args[3] = key(MUTT_KEY_PROCESSING);
    args[4] =
        number(text[2], list == MUTT_REPLAY_EVENTS ? terms->outstanding : -1);
    args[5] = number(text[3], (int64_t) n);

    for (size_t i = 0; i < n; i++) {
        args[6 + 3 * i] = moves[i].letter;
        args[7 + 3 * i] = code_of(moves[i].dest);
        args[8 + 3 * i] =
            moves[i].payload.data == NULL ? MUTT_STR("") : moves[i].payload;
    }

    mutt_rc_t rc = mutt_redis_script(
        redis, MUTT_SCRIPT_REPLAY, 9,
        (mutt_str_t[]) { setting(settings, lists[list].letters),
                         setting(settings, lists[list].target),
                         setting(settings, MUTT_SET_DEAD_LETTER_QUEUE),
                         key(MUTT_KEY_LEDGER), key(MUTT_KEY_REPLAY_LEASE),
                         setting(settings, MUTT_SET_ALERT_QUEUE_NAME),
                         key(MUTT_KEY_RETRY), key(MUTT_KEY_BREAKER),
                         key(MUTT_KEY_WORKERS) },
        6 + 3 * n, args, &reply, err);

    free(args);

    return rc == MUTT_OK ? read_done(reply, done, err) : rc;
}
