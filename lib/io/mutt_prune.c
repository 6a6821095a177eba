#include "mutt_prune.h"

#include <stdio.h>

#include "core/mutt_hash.h"
#include "core/mutt_uuid.h"
#include "domain/mutt_keys.h"
#include "domain/mutt_letter.h"

/* letters of one step: they are looked for at their places */
#define PAGE 50
#define PAGE_TEXT "50"
#define PAGE_BYTES "4194304"

/* a call whose answer was lost is not repeated, so none is kept for long */
#define REMEMBER_S "60"

#define NUMBER 24
#define NAME 96
#define SHA1 41
#define HEAD 8
#define EACH 4

static const struct {
    mutt_setting_t name;
    bool dead;
} lists[] = {
    { MUTT_SET_ALERTER_DLQ_NAME, false },
    { MUTT_SET_MOOG_DLQ_NAME, false },
    { MUTT_SET_DEAD_LETTER_QUEUE, true },
};

#define N_LISTS ((int) (sizeof(lists) / sizeof(lists[0])))

/* What is to go: where it was seen, and its digest. */
typedef struct {
    size_t n;
    char places[PAGE][NUMBER];
    char digests[PAGE][SHA1];
} chosen_t;


static mutt_str_t
name_of(const mutt_settings_t *settings, mutt_setting_t id)
{
    return mutt_str(mutt_set_text(settings, id));
}


/* A time that a member tells; 0: it is not there, or no time. */
static mutt_usec_t
time_of(const mutt_json_member_t *members, size_t n, const char *name)
{
    mutt_usec_t at;

    for (size_t i = 0; i < n; i++) {
        if (members[i].type == MUTT_JSON_STRING &&
            mutt_str_eq(members[i].name, mutt_str(name)) &&
            mutt_time_parse(members[i].text, &at)) {
            return at;
        }
    }

    return 0;
}


/*
 * When an item failed; 0: it does not say.  What is dead need not have been
 * an event, others that have no envelope are for remediation to judge.
 * Nothing failed before it was received: a clock that says so was wrong, and
 * the time of receipt is one that Redis' clock agreed to.
 */
static mutt_usec_t
failed_at(mutt_json_reader_t *reader, mutt_str_t item, bool dead)
{
    mutt_letter_t letter;
    mutt_err_t ignored;
    const mutt_json_member_t *members;
    size_t n;
    size_t offset;

    if (mutt_letter_read(reader, item, &letter, &ignored) == MUTT_OK) {
        members = letter.members;
        n = letter.n;
    } else if (!dead || mutt_json_read_item(reader, item, &members, &n,
                                            &offset) != MUTT_JSON_OK) {
        return 0;
    }

    mutt_usec_t at = time_of(members, n, "_failed_at");
    mutt_usec_t received = time_of(members, n, "_received_at");

    return at != 0 && received > at ? received : at;
}


static mutt_rc_t
choose(const mutt_prune_t *prune, const mutt_reply_t *page,
       mutt_json_reader_t *reader, mutt_usec_t cutoff, chosen_t *chosen,
       mutt_err_t *err)
{
    chosen->n = 0;

    for (size_t i = 1; i < page->n && i <= PAGE; i++) {
        mutt_str_t item = page->items[i]->str;
        mutt_usec_t at = failed_at(reader, item, lists[prune->list].dead);

        if (at == 0 || at >= cutoff) {
            continue;
        }

        if (!mutt_sha1_hex(item, chosen->digests[chosen->n])) {
            return mutt_fail(err, MUTT_NOMEM, "no digest of a letter");
        }

        (void) snprintf(chosen->places[chosen->n++], NUMBER, "%lld",
                        (long long) prune->place + (long long) i - 1);
    }

    return MUTT_OK;
}


/* Removes what was chosen and is still there. */
static mutt_rc_t
take(const mutt_prune_t *prune, mutt_redis_t *redis,
     const mutt_settings_t *settings, const chosen_t *chosen, int64_t *removed,
     mutt_err_t *err)
{
    mutt_str_t args[HEAD + EACH * PAGE];
    unsigned char random[10];
    char id[MUTT_UUID_LEN + 1];
    char mark[NAME];
    char call[NAME];
    char n[NUMBER];
    const mutt_reply_t *reply;

    if (!mutt_random(random, sizeof(random))) {
        return mutt_fail(err, MUTT_UNAVAIL, "no random numbers");
    }

    mutt_uuid_t uuid = mutt_uuid_v7(mutt_time_now(), random);

    mutt_uuid_format(&uuid, id);
    (void) snprintf(mark, sizeof(mark), "pruned %s", id);
    (void) snprintf(call, sizeof(call), "%s%s", mutt_keys[MUTT_KEY_TAKEN], id);
    (void) snprintf(n, sizeof(n), "%zu", chosen->n);

    const mutt_str_t keys[] = {
        name_of(settings, lists[prune->list].name),
        name_of(settings, MUTT_SET_INGEST_QUEUE_NAME),
        name_of(settings, MUTT_SET_ALERT_QUEUE_NAME),
        mutt_str(mutt_keys[MUTT_KEY_LEDGER]),
        mutt_str(mutt_keys[MUTT_KEY_RETRY]),
        mutt_str(mutt_keys[MUTT_KEY_WORKERS]),
        mutt_str(call),
    };
    const mutt_str_t head[HEAD] = {
        mutt_str(mark),
        MUTT_STR(REMEMBER_S),
        lists[prune->list].dead ? MUTT_STR("1") : MUTT_STR("0"),
        MUTT_STR("0"),
        mutt_str(mutt_keys[MUTT_KEY_PROCESSING]),
        MUTT_STR("0"),
        MUTT_STR("0"),
        mutt_str(n),
    };

    memcpy(args, head, sizeof(head));

    for (size_t i = 0; i < chosen->n; i++) {
        mutt_str_t *each = &args[HEAD + EACH * i];

        each[0] = mutt_str(chosen->places[i]);
        each[1] = mutt_str(chosen->digests[i]);
        each[2] = MUTT_STR("D");
        each[3] = MUTT_STR("");
    }

    mutt_rc_t rc = mutt_redis_script(
        redis, MUTT_SCRIPT_TAKE, sizeof(keys) / sizeof(keys[0]), keys,
        HEAD + EACH * chosen->n, args, &reply, err);

    for (size_t i = 0; rc == MUTT_OK && i < reply->str.len; i++) {
        *removed += reply->str.data[i] == 'm';
    }

    return rc;
}


mutt_rc_t
mutt_prune_step(mutt_prune_t *prune, mutt_redis_t *redis,
                const mutt_settings_t *settings, mutt_json_reader_t *reader,
                mutt_usec_t cutoff, bool dry, int64_t *removed, mutt_err_t *err)
{
    const mutt_reply_t *page;
    chosen_t chosen;
    char place[NUMBER];

    *removed = 0;

    if (prune->list == N_LISTS) {
        return MUTT_AGAIN;
    }

    (void) snprintf(place, sizeof(place), "%lld", (long long) prune->place);

    mutt_rc_t rc = mutt_redis_script(
        redis, MUTT_SCRIPT_LETTERS, 1,
        (mutt_str_t[]) { name_of(settings, lists[prune->list].name) }, 3,
        (mutt_str_t[]) { mutt_str(place), MUTT_STR(PAGE_TEXT),
                         MUTT_STR(PAGE_BYTES) },
        &page, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    if (page->type != MUTT_REPLY_ARRAY || page->n == 0) {
        return mutt_fail(err, MUTT_BUG, "prune: unexpected reply");
    }

    if (page->n == 1) {
        prune->list++;
        prune->place = 0;
        return MUTT_OK;
    }

    int64_t seen = (int64_t) page->n - 1;

    rc = choose(prune, page, reader, cutoff, &chosen, err);

    if (rc == MUTT_OK && dry) {
        *removed = (int64_t) chosen.n;
        prune->place += seen;
        return MUTT_OK;
    }

    if (rc == MUTT_OK && chosen.n > 0) {
        rc = take(prune, redis, settings, &chosen, removed, err);
    }

    if (rc == MUTT_OK) {
        prune->place += seen - *removed;
    }

    return rc;
}
