/*
 * The queue's client by hand, for tests: a line in, a line out.  Usage:
 * queue_shell POD; settings come from the environment.
 *
 *     register        token and items recovered
 *     claim N         items, oldest first
 *     commit CODES    settles the last claim, a letter an item:
 *                     F alert, L logged, S suppressed, U unhandled, R retry,
 *                     D dead letters, Q dead, X dead and external
 *     wait MS
 *     leave
 *     janitor TOKEN S one turn at second S of a clock of its own, TOKEN "-"
 *                     for none: items recovered
 *     forget          the janitor's connection was lost
 *
 * The answer is the outcome's word and what is said above.
 */

#include <stdio.h>
#include <stdlib.h>

#include "io/mutt_janitor.h"
#include "io/mutt_queue.h"

#define LINE 1024
#define ITEMS 1000
#define LEASE 2

typedef struct {
    mutt_settings_t *settings;
    mutt_queue_t *queue;
    mutt_redis_t *side;
    mutt_janitor_t *janitor;
    mutt_pool_t *pool;
    mutt_claim_t claim;
} shell_t;


static mutt_rc_t
do_register(shell_t *s, mutt_err_t *err)
{
    mutt_rc_t rc = mutt_queue_register(s->queue, err);

    (void) printf("%s", mutt_rc_word(rc));

    if (rc == MUTT_OK) {
        (void) printf(" %s %lld", mutt_queue_token(s->queue),
                      (long long) mutt_queue_recovered(s->queue));
    }

    return rc;
}


static mutt_rc_t
do_claim(shell_t *s, const char *arg, mutt_err_t *err)
{
    mutt_pool_reset(s->pool);
    s->claim.n = 0;

    mutt_rc_t rc = mutt_queue_claim(s->queue, strtoul(arg, NULL, 10), -1,
                                    s->pool, &s->claim, err);

    (void) printf("%s", mutt_rc_word(rc));

    for (size_t i = 0; rc == MUTT_OK && i < s->claim.n; i++) {
        (void) printf(" %.*s", MUTT_STR_ARG(s->claim.items[i]));
    }

    return rc;
}


static mutt_dest_t
dest_of(char code)
{
    static const struct {
        char code;
        mutt_dest_t dest;
    } dests[] = {
        { 'F', MUTT_TO_ALERT },      { 'L', MUTT_TO_LOGGED },
        { 'S', MUTT_TO_SUPPRESSED }, { 'U', MUTT_TO_UNHANDLED },
        { 'R', MUTT_TO_RETRY },      { 'D', MUTT_TO_DLQ },
        { 'Q', MUTT_TO_DEAD },       { 'X', MUTT_TO_DEAD_EXTERNAL },
    };

    for (size_t i = 0; i < sizeof(dests) / sizeof(dests[0]); i++) {
        if (dests[i].code == code) {
            return dests[i].dest;
        }
    }

    abort();
}


/* The meta-alert of a kind that reaches the threshold. */
static mutt_rc_t
write_meta(void *data, size_t k, mutt_unhandled_t *kind, mutt_err_t *err)
{
    (void) data;
    (void) k;
    (void) err;
    kind->meta_head = MUTT_STR("{\"meta\":");
    kind->meta_tail = MUTT_STR("}");

    return MUTT_OK;
}


static mutt_rc_t
do_commit(shell_t *s, const char *codes, mutt_err_t *err)
{
    mutt_verdict_t verdicts[ITEMS] = { 0 };
    mutt_unhandled_t kind = {
        .key = MUTT_STR("mutt:unhandled:h:0"),
    };
    mutt_raising_t raising = {
        .threshold = 1000,
        .expiry_s = 60,
        .write = write_meta,
    };
    int64_t metas;

    for (size_t i = 0; i < s->claim.n && i < ITEMS && codes[i] != '\0'; i++) {
        verdicts[i].dest = dest_of(codes[i]);
        verdicts[i].payload = s->claim.items[i];
        kind.times += verdicts[i].dest == MUTT_TO_UNHANDLED;
    }

    mutt_rc_t rc = mutt_queue_commit(s->queue, &s->claim, verdicts, &kind,
                                     kind.times > 0, &raising, &metas, err);

    (void) printf("%s", mutt_rc_word(rc));

    return rc;
}


static mutt_rc_t
do_janitor(shell_t *s, const char *token, const char *second, mutt_err_t *err)
{
    int64_t recovered = 0;
    mutt_rc_t rc = MUTT_OK;

    if (!mutt_redis_connected(s->side)) {
        rc = mutt_redis_connect(s->side, err);
    }

    if (rc == MUTT_OK) {
        rc = mutt_janitor_turn(
            s->janitor, s->side, strcmp(token, "-") == 0 ? "" : token,
            strtol(second, NULL, 10) * MUTT_USEC_SEC, &recovered, err);
    }

    (void) printf("%s %lld", mutt_rc_word(rc), (long long) recovered);

    return rc;
}


static mutt_rc_t
say(mutt_rc_t rc)
{
    (void) printf("%s", mutt_rc_word(rc));

    return rc;
}


/* False for a line that is no command. */
static bool
obey(shell_t *s, char *line)
{
    char word[16] = "";
    char one[LINE] = "";
    char two[32] = "";
    mutt_err_t err = { 0 };
    mutt_rc_t rc = MUTT_OK;

    (void) sscanf(line, "%15s %1023s %31s", word, one, two);

    if (strcmp(word, "register") == 0) {
        rc = do_register(s, &err);
    } else if (strcmp(word, "claim") == 0) {
        rc = do_claim(s, one, &err);
    } else if (strcmp(word, "commit") == 0) {
        rc = do_commit(s, one, &err);
    } else if (strcmp(word, "wait") == 0) {
        rc = say(
            mutt_queue_wait(s->queue, (unsigned) strtoul(one, NULL, 10), &err));
    } else if (strcmp(word, "leave") == 0) {
        rc = say(mutt_queue_leave(s->queue, &err));
    } else if (strcmp(word, "janitor") == 0) {
        rc = do_janitor(s, one, two, &err);
    } else if (strcmp(word, "forget") == 0) {
        mutt_janitor_forget(s->janitor);
        rc = say(MUTT_OK);
    } else {
        return false;
    }

    if (rc != MUTT_OK && rc != MUTT_AGAIN) {
        (void) fprintf(stderr, "%s: %s\n", word, err.text);
    }

    (void) printf("\n");

    return fflush(stdout) == 0;
}


int
main(int argc, char **argv)
{
    shell_t s = { 0 };
    mutt_err_t err = { 0 };
    char line[LINE];
    int status = 1;

    if (argc == 2 &&
        mutt_settings_load((const char *(*) (const char *) ) getenv,
                           &s.settings, &err) == MUTT_OK) {
        s.queue = mutt_queue_create(s.settings, "alerter", argv[1]);
        s.side = mutt_redis_create(s.settings, "side");
        s.janitor = mutt_janitor_create(s.settings, "alerter", argv[1],
                                        LEASE * MUTT_USEC_SEC);
        s.pool = mutt_pool_create(LINE);
    }

    if (s.queue == NULL || s.side == NULL || s.janitor == NULL ||
        s.pool == NULL) {
        (void) fprintf(stderr, "queue_shell: %s\n", err.text);
    } else {
        while (fgets(line, sizeof(line), stdin) != NULL && obey(&s, line)) {
        }

        status = feof(stdin) ? 0 : 1;
    }

    mutt_queue_destroy(s.queue);
    mutt_redis_destroy(s.side);
    mutt_janitor_destroy(s.janitor);
    mutt_pool_destroy(s.pool);
    mutt_settings_destroy(s.settings);

    return status;
}
