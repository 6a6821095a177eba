#include "mutt_janitor.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/mutt_failpoint.h"
#include "domain/mutt_keys.h"
#include "mutt_queue_names.h"
#include "mutt_recover.h"

/* workers of one kind that are watched, at first and at most */
#define WATCHED_FIRST 64
#define WATCHED_MAX 8192

typedef struct {
    char id[MUTT_NAME_SIZE];
    char beat[64];
    mutt_usec_t since; /* this beat has been seen unchanged since then */
    bool seen;         /* in the current turn */
} watched_t;

struct mutt_janitor_s {
    const mutt_settings_t *settings;
    char kind[32];
    mutt_queue_names_t own;
    mutt_usec_t lease;
    uint64_t counter;
    size_t n;
    size_t size;
    size_t next; /* where the worker after the last one is likely to be */
    watched_t *watched;
};


mutt_janitor_t *
mutt_janitor_create(const mutt_settings_t *settings, const char *kind,
                    const char *pod, mutt_usec_t lease)
{
    mutt_janitor_t *j = calloc(1, sizeof(mutt_janitor_t));

    if (j == NULL) {
        return NULL;
    }

    j->settings = settings;
    j->lease = lease;
    (void) snprintf(j->kind, sizeof(j->kind), "%s", kind);
    mutt_queue_names(settings, kind, pod, &j->own);

    return j;
}


void
mutt_janitor_destroy(mutt_janitor_t *janitor)
{
    if (janitor != NULL) {
        free(janitor->watched);
        free(janitor);
    }
}


void
mutt_janitor_forget(mutt_janitor_t *janitor)
{
    janitor->n = 0;
}


static bool
has_room(mutt_janitor_t *j)
{
    if (j->n < j->size) {
        return true;
    }

    size_t size = j->size == 0 ? WATCHED_FIRST : j->size * 2;
    watched_t *more = size > WATCHED_MAX
                          ? NULL
                          : realloc(j->watched, size * sizeof(watched_t));

    if (more != NULL) {
        j->watched = more;
        j->size = size;
    }

    return more != NULL;
}


/* Redis names the workers in one order, as long as they are the same ones. */
static watched_t *
watch(mutt_janitor_t *j, mutt_str_t id)
{
    for (size_t k = 0; k < j->n; k++) {
        size_t i = (j->next + k) % j->n;

        if (mutt_str_eq(mutt_str(j->watched[i].id), id)) {
            j->next = i + 1;
            return &j->watched[i];
        }
    }

    if (id.len >= MUTT_NAME_SIZE || !has_room(j)) {
        return NULL;
    }

    watched_t *w = &j->watched[j->n++];

    memcpy(w->id, id.data, id.len);
    w->id[id.len] = '\0';
    w->beat[0] = '\0';
    w->since = -1;

    return w;
}


/* Whether the beat has been unchanged for the lease. */
static bool
silent(mutt_janitor_t *j, watched_t *w, mutt_str_t beat, mutt_usec_t now)
{
    if (w->since < 0 || !mutt_str_eq(mutt_str(w->beat), beat)) {
        (void) snprintf(w->beat, sizeof(w->beat), "%.*s", MUTT_STR_ARG(beat));
        w->since = now;
    }

    return now - w->since >= j->lease;
}


/* Forgets workers that have signed off. */
static void
sweep(mutt_janitor_t *j)
{
    size_t kept = 0;

    for (size_t i = 0; i < j->n; i++) {
        if (j->watched[i].seen) {
            j->watched[kept++] = j->watched[i];
        }
    }

    j->n = kept;
}


static mutt_rc_t
recover_silent(mutt_janitor_t *j, mutt_redis_t *redis, const char *id,
               mutt_str_t token, int64_t *recovered, mutt_err_t *err)
{
    mutt_queue_names_t names;
    int64_t moved = 0;

    mutt_queue_names(j->settings, j->kind, id + strlen(j->kind) + 1, &names);

    mutt_rc_t rc = mutt_recover(redis, &names, token, &moved, err);

    *recovered += moved;

    return rc;
}


/* What recovery needs to know outlives the reply it came in. */
typedef struct {
    char id[MUTT_NAME_SIZE];
    char token[32];
} orphan_t;


static size_t
find_orphans(mutt_janitor_t *j, const mutt_reply_t *reply, mutt_usec_t now,
             orphan_t *orphans, size_t max)
{
    size_t kind = strlen(j->kind);
    size_t n = 0;

    for (size_t i = 0; i < j->n; i++) {
        j->watched[i].seen = false;
    }

    for (size_t i = 0; i + 2 < reply->n; i += 3) {
        mutt_str_t id = reply->items[i]->str;

        if (id.len <= kind + 1 || strncmp(id.data, j->kind, kind) != 0 ||
            id.data[kind] != ':' || mutt_str_eq(id, mutt_str(j->own.id))) {
            continue;
        }

        watched_t *w = watch(j, id);

        if (w == NULL) {
            continue;
        }

        w->seen = true;

        if (silent(j, w, reply->items[i + 1]->str, now) && n < max) {
            (void) snprintf(orphans[n].id, sizeof(orphans[n].id), "%s", w->id);
            (void) snprintf(orphans[n].token, sizeof(orphans[n].token), "%.*s",
                            MUTT_STR_ARG(reply->items[i + 2]->str));
            n++;
        }
    }

    sweep(j);

    return n;
}


mutt_rc_t
mutt_janitor_turn(mutt_janitor_t *janitor, mutt_redis_t *redis,
                  const char *token, mutt_usec_t now_mono, int64_t *recovered,
                  mutt_err_t *err)
{
    orphan_t orphans[8];
    const mutt_reply_t *reply;
    char counter[24];

    (void) snprintf(counter, sizeof(counter), "%llu",
                    (unsigned long long) ++janitor->counter);
    *recovered = 0;

    mutt_rc_t rc = mutt_redis_script(
        redis, MUTT_SCRIPT_HEARTBEAT, 4,
        (mutt_str_t[]) { mutt_str(mutt_keys[MUTT_KEY_FENCE]),
                         mutt_str(mutt_keys[MUTT_KEY_BEATS]),
                         mutt_str(janitor->own.heartbeat),
                         mutt_str(mutt_keys[MUTT_KEY_WORKERS]) },
        4,
        (mutt_str_t[]) { mutt_str(janitor->own.id), mutt_str(token),
                         mutt_str(counter), MUTT_STR(MUTT_HEARTBEAT_TTL) },
        &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    size_t n = find_orphans(janitor, reply, now_mono, orphans,
                            sizeof(orphans) / sizeof(orphans[0]));

    for (size_t i = 0; i < n && rc == MUTT_OK; i++) {
        MUTT_PASS("janitor.found");
        rc = recover_silent(janitor, redis, orphans[i].id,
                            mutt_str(orphans[i].token), recovered, err);
    }

    return rc;
}
