#include "mutt_directory.h"

#include <stdlib.h>

#include "core/mutt_pool.h"

struct mutt_directory_s {
    mutt_pool_t *pool;
    mutt_directory_entry_t *entries; /* sorted by host */
    size_t n;
};


static unsigned char
fold(char c)
{
    return (unsigned char) (c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}


static int
compare(const void *pa, const void *pb)
{
    mutt_str_t a = ((const mutt_directory_entry_t *) pa)->host;
    mutt_str_t b = ((const mutt_directory_entry_t *) pb)->host;

    for (size_t i = 0; i < a.len && i < b.len; i++) {
        int diff = fold(a.data[i]) - fold(b.data[i]);

        if (diff != 0) {
            return diff;
        }
    }

    return a.len < b.len ? -1 : a.len > b.len;
}


mutt_directory_t *
mutt_directory_create(const mutt_directory_entry_t *entries, size_t n)
{
    mutt_directory_t *d = calloc(1, sizeof(mutt_directory_t));

    if (d == NULL) {
        return NULL;
    }

    d->pool = mutt_pool_create(4096);
    d->entries = calloc(n + 1, sizeof(mutt_directory_entry_t));

    bool copied = d->pool != NULL && d->entries != NULL;

    for (size_t i = 0; copied && i < n; i++) {
        d->entries[i].host = mutt_pool_dup(d->pool, entries[i].host);
        d->entries[i].value = mutt_pool_dup(d->pool, entries[i].value);
        copied =
            d->entries[i].host.data != NULL && d->entries[i].value.data != NULL;
    }

    if (!copied) {
        mutt_directory_destroy(d);
        return NULL;
    }

    d->n = n;

    if (n > 0) {
        qsort(d->entries, n, sizeof(mutt_directory_entry_t), compare);
    }

    return d;
}


void
mutt_directory_destroy(mutt_directory_t *directory)
{
    if (directory != NULL) {
        mutt_pool_destroy(directory->pool);
        free(directory->entries);
        free(directory);
    }
}


const mutt_str_t *
mutt_directory_find(const mutt_directory_t *directory, mutt_str_t host)
{
    mutt_directory_entry_t wanted = { .host = host };
    const mutt_directory_entry_t *found =
        bsearch(&wanted, directory->entries, directory->n,
                sizeof(mutt_directory_entry_t), compare);

    return found == NULL ? NULL : &found->value;
}


size_t
mutt_directory_count(const mutt_directory_t *directory)
{
    return directory->n;
}
