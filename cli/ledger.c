#include "ledger.h"

#include <stdio.h>

#include "domain/mutt_keys.h"

/* which side of the equation a count is on; what is not here is in flight */
static const struct {
    const char *title;
    const char *names[8];
} sides[] = {
    { "came in", { "accepted", "external_in", "meta_created" } },
    { "ended",
      { "logged", "suppressed", "unhandled", "delivered", "dead", "dead_purged",
        "dlq_purged" } },
};

#define N_SIDES (sizeof(sides) / sizeof(sides[0]))


static mutt_rc_t
take(const mutt_reply_t *reply, ledger_t *ledger, mutt_err_t *err)
{
    size_t most = sizeof(ledger->counts) / sizeof(ledger->counts[0]);

    ledger->n = reply->n / 2;

    if (reply->type != MUTT_REPLY_ARRAY || ledger->n > most) {
        return mutt_fail(err, MUTT_BUG, "ledger: unexpected reply");
    }

    for (size_t i = 0; i < ledger->n; i++) {
        (void) snprintf(ledger->counts[i].name, sizeof(ledger->counts[i].name),
                        "%.*s", MUTT_STR_ARG(reply->items[2 * i]->str));
        ledger->counts[i].value = reply->items[2 * i + 1]->integer;
    }

    return MUTT_OK;
}


mutt_rc_t
ledger_read(check_t *check, ledger_t *ledger, mutt_err_t *err)
{
    const mutt_settings_t *s = check->settings;
    const mutt_reply_t *reply;
    const mutt_str_t keys[] = {
        mutt_str(mutt_keys[MUTT_KEY_LEDGER]),
        mutt_str(mutt_keys[MUTT_KEY_WORKERS]),
        mutt_str(mutt_set_text(s, MUTT_SET_INGEST_QUEUE_NAME)),
        mutt_str(mutt_set_text(s, MUTT_SET_ALERT_QUEUE_NAME)),
        mutt_str(mutt_keys[MUTT_KEY_RETRY]),
        mutt_str(mutt_set_text(s, MUTT_SET_ALERTER_DLQ_NAME)),
        mutt_str(mutt_set_text(s, MUTT_SET_MOOG_DLQ_NAME)),
    };
    mutt_rc_t rc = mutt_redis_script(
        check->redis, MUTT_SCRIPT_LEDGER, sizeof(keys) / sizeof(keys[0]), keys,
        1, (mutt_str_t[]) { mutt_str(mutt_keys[MUTT_KEY_PROCESSING]) }, &reply,
        err);

    return rc == MUTT_OK ? take(reply, ledger, err) : rc;
}


int64_t
ledger_get(const ledger_t *ledger, const char *name)
{
    for (size_t i = 0; i < ledger->n; i++) {
        if (strcmp(ledger->counts[i].name, name) == 0) {
            return ledger->counts[i].value;
        }
    }

    return 0;
}


int64_t
ledger_waiting(const ledger_t *ledger)
{
    return ledger_get(ledger, "ingest_queue") +
           ledger_get(ledger, "alert_queue") + ledger_get(ledger, "retry") +
           ledger_get(ledger, "processing");
}


static size_t
side_of(const char *name)
{
    for (size_t i = 0; i < N_SIDES; i++) {
        for (size_t k = 0; sides[i].names[k] != NULL; k++) {
            if (strcmp(sides[i].names[k], name) == 0) {
                return i;
            }
        }
    }

    return N_SIDES;
}


void
ledger_print(const ledger_t *ledger)
{
    for (size_t side = 0; side <= N_SIDES; side++) {
        (void) printf("%s\n", side < N_SIDES ? sides[side].title : "in flight");

        for (size_t i = 0; i < ledger->n; i++) {
            if (side_of(ledger->counts[i].name) == side &&
                strcmp(ledger->counts[i].name, "difference") != 0) {
                (void) printf("  %-14s %12lld\n", ledger->counts[i].name,
                              (long long) ledger->counts[i].value);
            }
        }
    }

    (void) printf("%-16s %12lld\n", "difference",
                  (long long) ledger_get(ledger, "difference"));
}


void
ledger_json(const ledger_t *ledger, mutt_buf_t *out)
{
    for (size_t i = 0; i < ledger->n; i++) {
        mutt_buf_addf(out, "%s\"%s\":%lld", i == 0 ? "" : ",",
                      ledger->counts[i].name,
                      (long long) ledger->counts[i].value);
    }
}
