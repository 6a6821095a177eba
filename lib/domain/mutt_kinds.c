#include "mutt_kinds.h"

#include <string.h>

#include "mutt_fold.h"
#include "mutt_keys.h"


bool
mutt_kinds_init(mutt_kinds_t *kinds, size_t max, mutt_pool_t *pool)
{
    size_t n_slots = 16;

    /* at most half full, so that a search ends */
    while (n_slots < max * 2) {
        n_slots *= 2;
    }

    kinds->n = 0;
    kinds->max = max;
    kinds->n_slots = n_slots;
    kinds->all = mutt_pool_calloc(pool, (max + 1) * sizeof(mutt_kind_t));
    kinds->slots = mutt_pool_calloc(pool, n_slots * sizeof(uint32_t));

    return kinds->all != NULL && kinds->slots != NULL;
}


static bool
key_of(const mutt_event_t *event, mutt_pool_t *pool, mutt_str_t *key)
{
    const char *prefix = mutt_keys[MUTT_KEY_UNHANDLED];
    size_t head = strlen(prefix);
    size_t len = head + event->hostname.len + 1 + MUTT_HASH16_LEN;
    char hash[MUTT_HASH16_LEN + 1];
    char *text = mutt_pool_alloc(pool, len);

    if (text == NULL || !mutt_fold_hash(event->message, hash)) {
        return false;
    }

    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it goes on. */
    memcpy(text, prefix, head);

    for (size_t i = 0; i < event->hostname.len; i++) {
        char c = event->hostname.data[i];

        text[head + i] = (char) (c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }

    text[head + event->hostname.len] = ':';
    memcpy(text + len - MUTT_HASH16_LEN, hash, MUTT_HASH16_LEN);
    *key = (mutt_str_t) { text, len };

    return true;
}


/* FNV-1a. */
static uint32_t
hash_of(mutt_str_t key)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < key.len; i++) {
        hash = (hash ^ (unsigned char) key.data[i]) * 16777619u;
    }

    return hash;
}


bool
mutt_kinds_add(mutt_kinds_t *kinds, const mutt_event_t *event,
               mutt_pool_t *pool, size_t *index)
{
    mutt_str_t key;

    if (!key_of(event, pool, &key)) {
        return false;
    }

    size_t slot = hash_of(key) & (kinds->n_slots - 1);

    while (kinds->slots[slot] != 0 &&
           !mutt_str_eq(kinds->all[kinds->slots[slot] - 1].key, key)) {
        slot = (slot + 1) & (kinds->n_slots - 1);
    }

    if (kinds->slots[slot] == 0) {
        if (kinds->n == kinds->max) {
            return false;
        }

        kinds->all[kinds->n++].key = key;
        kinds->slots[slot] = (uint32_t) kinds->n;
    }

    mutt_kind_t *kind = &kinds->all[kinds->slots[slot] - 1];

    kind->host = event->hostname;
    kind->sample = event->message;
    kind->times++;
    *index = kinds->slots[slot] - 1;

    return true;
}
