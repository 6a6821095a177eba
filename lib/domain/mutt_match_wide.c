#include "mutt_match_wide.h"

#include <stdlib.h>
#include <string.h>

#include <hs.h>

#include "mutt_match_hyper.h"

struct mutt_wide_s {
    unsigned holders;
    size_t n;
    const char **texts;
    unsigned *ids;
    unsigned *flags;
    unsigned char *kinds; /* by id */
    hs_database_t *database;
};


mutt_wide_t *
mutt_wide_create(size_t n)
{
    mutt_wide_t *w = calloc(1, sizeof(mutt_wide_t));

    if (w == NULL) {
        return NULL;
    }

    w->holders = 1;
    w->texts = calloc(n + 1, sizeof(char *));
    w->ids = calloc(n + 1, sizeof(unsigned));
    w->flags = calloc(n + 1, sizeof(unsigned));
    w->kinds = calloc(n + 1, 1);

    if (w->texts == NULL || w->ids == NULL || w->flags == NULL ||
        w->kinds == NULL) {
        mutt_wide_release(w);
        return NULL;
    }

    return w;
}


bool
mutt_wide_add(mutt_wide_t *wide, const char *text, uint32_t id)
{
    char *copy = strdup(text);

    if (copy == NULL) {
        return false;
    }

    wide->texts[wide->n] = copy;
    wide->ids[wide->n++] = id;

    return true;
}


mutt_wide_t *
mutt_wide_hold(mutt_wide_t *wide)
{
    (void) __atomic_add_fetch(&wide->holders, 1, __ATOMIC_RELAXED);

    return wide;
}


static void
free_texts(mutt_wide_t *w)
{
    for (size_t i = 0; i < w->n && w->texts != NULL; i++) {
        free((char *) w->texts[i]);
    }

    w->n = 0;
}


void
mutt_wide_release(mutt_wide_t *wide)
{
    if (wide == NULL ||
        __atomic_sub_fetch(&wide->holders, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }

    free_texts(wide);
    (void) hs_free_database(wide->database);
    free(wide->texts);
    free(wide->ids);
    free(wide->flags);
    free(wide->kinds);
    free(wide);
}


/* Gives a pattern the best kind, from kind on, that Hyperscan takes. */
static void
settle_for(mutt_wide_t *w, size_t i, mutt_wide_kind_t kind)
{
    while (kind != MUTT_WIDE_UNSEEN) {
        w->flags[i] = mutt_hyper_flags(true, kind == MUTT_WIDE_MAYBE);

        if (mutt_hyper_reads(w->texts[i], w->flags[i])) {
            break;
        }

        kind--;
    }

    w->kinds[w->ids[i]] = (unsigned char) kind;
}


/* Leaves out those that Hyperscan does not take. */
static void
drop_unseen(mutt_wide_t *w)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n; i++) {
        if (w->kinds[w->ids[i]] == MUTT_WIDE_UNSEEN) {
            free((char *) w->texts[i]);
            continue;
        }

        w->texts[n] = w->texts[i];
        w->ids[n] = w->ids[i];
        w->flags[n++] = w->flags[i];
    }

    w->n = n;
}


static hs_database_t *
compile(mutt_wide_t *w)
{
    for (;;) {
        hs_compile_error_t *error = NULL;
        hs_database_t *database = NULL;

        drop_unseen(w);

        if (w->n == 0 || hs_compile_multi(w->texts, w->flags, w->ids,
                                          (unsigned) w->n, HS_MODE_BLOCK, NULL,
                                          &database, &error) == HS_SUCCESS) {
            return database;
        }

        int culprit = error->expression;

        (void) hs_free_compile_error(error);

        if (culprit < 0) {
            return NULL;
        }

        settle_for(w, (size_t) culprit, w->kinds[w->ids[culprit]] - 1u);
    }
}


void
mutt_wide_build(mutt_wide_t *wide)
{
    if (__atomic_load_n(&wide->holders, __ATOMIC_ACQUIRE) < 2) {
        return;
    }

    for (size_t i = 0; i < wide->n; i++) {
        settle_for(wide, i, MUTT_WIDE_SURE);
    }

    __atomic_store_n(&wide->database, compile(wide), __ATOMIC_RELEASE);
    free_texts(wide);
}


const hs_database_t *
mutt_wide_database(const mutt_wide_t *wide)
{
    return __atomic_load_n(&wide->database, __ATOMIC_ACQUIRE);
}


mutt_wide_kind_t
mutt_wide_kind(const mutt_wide_t *wide, uint32_t id)
{
    return wide->kinds[id];
}
