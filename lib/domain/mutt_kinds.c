#include "mutt_kinds.h"

#include <string.h>

#include "mutt_keys.h"

/* hosts say the same things: so many digests are remembered */
#define DIGESTS 128


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
    kinds->digests = mutt_pool_calloc(pool, DIGESTS * sizeof(mutt_digest_t));

    return kinds->all != NULL && kinds->slots != NULL && kinds->digests != NULL;
}


static uint64_t
mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;

    return hash ^ hash >> 32;
}


/* For tables of one batch. */
static uint64_t
hash_of(mutt_str_t text)
{
    uint64_t hash = text.len;
    uint64_t word;
    size_t i = 0;

    for (; i + sizeof(word) <= text.len; i += sizeof(word)) {
        memcpy(&word, text.data + i, sizeof(word));
        hash = mix(hash, word);
    }

    word = 0;
    memcpy(&word, text.data + i, text.len - i);

    return mix(hash, word);
}


/* The digest of a message's kind; NULL when out of memory. */
static const char *
digest_of(mutt_kinds_t *kinds, mutt_str_t message, mutt_pool_t *pool)
{
    char text[MUTT_FOLD_MAX];
    mutt_str_t folded = { text, mutt_fold(message, text) };
    mutt_digest_t *d = &kinds->digests[hash_of(folded) % DIGESTS];

    if (d->folded.data != NULL && mutt_str_eq(d->folded, folded)) {
        return d->digest;
    }

    d->folded = (mutt_str_t) { NULL, 0 };

    if (!mutt_fold_digest(folded, d->digest)) {
        return NULL;
    }

    d->folded = mutt_pool_dup(pool, folded);

    return d->folded.data == NULL ? NULL : d->digest;
}


static bool
key_of(mutt_kinds_t *kinds, const mutt_event_t *event, mutt_pool_t *pool,
       mutt_str_t *key)
{
    const char *prefix = mutt_keys[MUTT_KEY_UNHANDLED];
    const char *digest = digest_of(kinds, event->message, pool);
    size_t head = strlen(prefix);
    size_t len = head + event->hostname.len + 1 + MUTT_HASH16_LEN;
    char *text = mutt_pool_alloc(pool, len);

    if (text == NULL || digest == NULL) {
        return false;
    }

    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it goes on. */
    memcpy(text, prefix, head);

    for (size_t i = 0; i < event->hostname.len; i++) {
        char c = event->hostname.data[i];

        text[head + i] = (char) (c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }

    text[head + event->hostname.len] = ':';
    memcpy(text + len - MUTT_HASH16_LEN, digest, MUTT_HASH16_LEN);
    *key = (mutt_str_t) { text, len };

    return true;
}


bool
mutt_kinds_add(mutt_kinds_t *kinds, const mutt_event_t *event,
               mutt_pool_t *pool, size_t *index)
{
    mutt_str_t key;

    if (!key_of(kinds, event, pool, &key)) {
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
