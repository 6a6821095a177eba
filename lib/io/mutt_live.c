#include "mutt_live.h"

#include <stdio.h>

#include "core/mutt_utf8.h"
#include "domain/mutt_keys.h"

#define ASK_EVERY MUTT_USEC_SEC
#define TELL_EVERY (MUTT_USEC_SEC / 10)
#define MESSAGES "200"
#define MESSAGE_MAX 300
#define TEXT_MAX 65536
#define KEPT_S "60"


/* Events do not depend on the answer, NULL for none. */
static const mutt_reply_t *
call(mutt_redis_t *redis, size_t n, const mutt_str_t *args)
{
    const mutt_reply_t *reply;
    mutt_err_t ignored;

    return mutt_redis_call(redis, n, args, 0, &reply, &ignored) == MUTT_OK
               ? reply
               : NULL;
}


static bool
ask(mutt_redis_t *redis)
{
    const mutt_reply_t *reply =
        call(redis, 2,
             (mutt_str_t[]) { MUTT_STR("EXISTS"),
                              mutt_str(mutt_keys[MUTT_KEY_LIVE_VIEWERS]) });

    return reply != NULL && reply->type == MUTT_REPLY_INT &&
           reply->integer == 1;
}


static void
expire(mutt_redis_t *redis, mutt_key_t key)
{
    (void) call(redis, 3,
                (mutt_str_t[]) { MUTT_STR("EXPIRE"), mutt_str(mutt_keys[key]),
                                 MUTT_STR(KEPT_S) });
}


/* What was shown last goes some time after who saw it. */
static void
leave(mutt_redis_t *redis)
{
    expire(redis, MUTT_KEY_LIVE_EVENTS);
    expire(redis, MUTT_KEY_LIVE_TOTAL);
}


bool
mutt_live_wants(mutt_live_t *live, mutt_redis_t *redis, size_t n)
{
    mutt_usec_t now = mutt_time_mono();

    if (live->asked_at == 0 || now - live->asked_at >= ASK_EVERY) {
        bool before = live->watched;

        live->asked_at = now;
        live->watched = mutt_redis_connected(redis) && ask(redis);

        if (before && !live->watched && mutt_redis_connected(redis)) {
            leave(redis);
        }
    }

    if (!live->watched) {
        live->passed = 0;
        return false;
    }

    live->passed += (int64_t) n;

    return n > 0 && now - live->told_at >= TELL_EVERY;
}


static void
add_text(mutt_buf_t *b, const char *name, mutt_str_t text, size_t max)
{
    mutt_buf_addf(b, ",\"%s\":", name);
    mutt_buf_add_json(b, mutt_utf8_head(text, max));
}


static void
write_event(mutt_buf_t *b, const mutt_live_event_t *e)
{
    const mutt_event_t *event = e->event;

    MUTT_BUF_LIT(b, "{\"event_id\":");
    mutt_buf_add_json(b, event->event_id);
    add_text(b, "received_at", event->received_at, 64);
    add_text(b, "hostname", event->hostname, 255);
    add_text(b, "message", event->message, MESSAGE_MAX);

    if (event->trap_oid.len > 0) {
        add_text(b, "trap_oid", event->trap_oid, 256);
    }

    if (event->severity == MUTT_SEVERITY_NONE) {
        MUTT_BUF_LIT(b, ",\"syslog_severity\":null");
    } else {
        mutt_buf_addf(b, ",\"syslog_severity\":%d", event->severity);
    }

    if (e->rule_id == 0) {
        MUTT_BUF_LIT(b, ",\"matched_rule_id\":null");
    } else {
        mutt_buf_addf(b, ",\"matched_rule_id\":%d", e->rule_id);
    }

    if (e->decision == NULL) {
        MUTT_BUF_LIT(b, ",\"handling_decision\":null");
    } else {
        mutt_buf_addf(b, ",\"handling_decision\":\"%s\"", e->decision);
    }

    if (e->team.len == 0) {
        MUTT_BUF_LIT(b, ",\"team_assignment\":null");
    } else {
        add_text(b, "team_assignment", e->team, 400);
    }

    mutt_buf_addf(b, ",\"forwarded_to_moog\":%s,\"outcome\":\"%s\"}",
                  e->forwarded ? "true" : "false", e->outcome);
}


void
mutt_live_tell(mutt_live_t *live, mutt_redis_t *redis,
               const mutt_live_event_t *events, size_t n)
{
    char passed[24];
    mutt_buf_t texts[MUTT_LIVE_SAMPLE];
    mutt_str_t keys[] = { mutt_str(mutt_keys[MUTT_KEY_LIVE_EVENTS]),
                          mutt_str(mutt_keys[MUTT_KEY_LIVE_TOTAL]) };
    mutt_str_t args[2 + MUTT_LIVE_SAMPLE];
    size_t argc = 2;
    const mutt_reply_t *reply;
    mutt_err_t ignored;

    (void) snprintf(passed, sizeof(passed), "%lld", (long long) live->passed);
    args[0] = MUTT_STR(MESSAGES);
    args[1] = mutt_str(passed);

    for (size_t i = 0; i < n; i++) {
        mutt_buf_init(&texts[i], TEXT_MAX);
        write_event(&texts[i], &events[i]);

        if (mutt_buf_ok(&texts[i])) {
            args[argc++] = mutt_buf_str(&texts[i]);
        }
    }

    live->told_at = mutt_time_mono();

    /* what can't be shown is told of with what can */
    if (mutt_redis_script(redis, MUTT_SCRIPT_LIVE, 2, keys, argc, args, &reply,
                          &ignored) == MUTT_OK) {
        live->passed = 0;
    }

    for (size_t i = 0; i < n; i++) {
        mutt_buf_done(&texts[i]);
    }
}
