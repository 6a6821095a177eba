#include "mutt_match_parts.h"

#include <stdlib.h>

#include "mutt_match_cost.h"
#include "mutt_match_literal.h"
#include "mutt_match_need.h"

/* a piece of a regular expression is looked for when it has so many characters
 * and so few share it */
#define NEED_MIN 4
#define SHARING_MAX 4

/* A matcher on its way. */
typedef struct {
    mutt_text_matcher_t *m;
    char **texts; /* of the entries */
    const bool *outdated;
    mutt_match_report_t report;
    void *data;
} build_t;

/* What hs_compile_multi() takes. */
typedef struct {
    const char **texts;
    unsigned *flags;
    unsigned *ids;
    size_t n;
} expressions_t;


/* Which of the databases. */
typedef enum { PART_WORDS, PART_NARROW, PART_REST } part_t;


static part_t
part_of(const mutt_match_entry_t *entry)
{
    return entry->engine == MUTT_ENGINE_PLAIN ||
                   entry->engine == MUTT_ENGINE_NEED
               ? PART_WORDS
           : entry->narrow ? PART_NARROW
                           : PART_REST;
}


/* The engine of one more pattern, since compiling all has to end some day. */
static mutt_engine_t
next_engine_of(mutt_text_matcher_t *m, const char *text, bool narrow)
{
    uint64_t cost = mutt_match_cost(mutt_str(text));
    mutt_engine_t engine = mutt_engine_of(text, narrow);

    if (engine == MUTT_ENGINE_SLOW || cost <= MUTT_MATCH_COST_LITTLE) {
        return engine;
    }

    m->cost += cost;

    return m->cost > MUTT_MATCH_COST_ALL ? MUTT_ENGINE_SLOW : engine;
}


static int
compare_text(const mutt_text_pattern_t *a, const mutt_text_pattern_t *b)
{
    if (a->regex != b->regex) {
        return a->regex ? 1 : -1;
    }

    if (a->text.len != b->text.len) {
        return a->text.len < b->text.len ? -1 : 1;
    }

    return memcmp(a->text.data, b->text.data, a->text.len);
}


static int
by_text(const void *pa, const void *pb)
{
    const mutt_text_pattern_t *a = pa;
    const mutt_text_pattern_t *b = pb;
    int diff = compare_text(a, b);

    return diff != 0 ? diff : a->rank < b->rank ? -1 : 1;
}


/* Whether somebody waits for the matcher. */
static mutt_rc_t
check_wanted(const build_t *b, mutt_err_t *err)
{
    return b->outdated != NULL && __atomic_load_n(b->outdated, __ATOMIC_RELAXED)
               ? mutt_fail(err, MUTT_STALE, "other rules are wanted")
               : MUTT_OK;
}


/* Gives the entry its PCRE2 code; false when it has none. */
static bool
add_regex(mutt_match_entry_t *entry, const char *text, mutt_err_t *err)
{
    return entry->regex != NULL ||
           mutt_regex_create(mutt_str(text), &entry->regex, err) == MUTT_OK;
}


/* What has to be in a message for an entry; false when out of memory. */
static bool
add_words(build_t *b, uint32_t id, mutt_str_t text)
{
    mutt_needs_t needs;

    switch (b->m->entries[id].engine) {
    case MUTT_ENGINE_PLAIN:
        return mutt_words_add(b->m->words, id, text);
    case MUTT_ENGINE_NEED:
        mutt_match_needs(text, &needs);
        break;
    default:
        return true;
    }

    for (size_t i = 0; i < needs.n; i++) {
        if (needs.pieces[i].len >= NEED_MIN &&
            !mutt_words_add(b->m->words, id, needs.pieces[i])) {
            return false;
        }
    }

    return true;
}


/* Fills entry from n patterns of one text; false when out of memory. */
static bool
add_entry(build_t *b, mutt_text_pattern_t *patterns, size_t n)
{
    mutt_text_matcher_t *m = b->m;
    mutt_match_entry_t *entry = &m->entries[m->n];
    bool plain = !patterns->regex && mutt_engine_is_plain(patterns->text);
    char *text = patterns->regex || plain
                     ? strndup(patterns->text.data, patterns->text.len)
                     : mutt_match_literal(patterns->text);
    mutt_err_t why;

    if (text == NULL) {
        return false;
    }

    *entry = (mutt_match_entry_t) {
        .ranks = { MUTT_RANKS_EMPTY, MUTT_RANKS_EMPTY },
        .first = patterns->rank,
        .rule_id = patterns->rule_id,
    };

    /* what PCRE2 would refuse is no rule, whatever Hyperscan says */
    if (patterns->regex && !add_regex(entry, text, &why)) {
        free(text);

        for (size_t i = 0; i < n; i++) {
            patterns[i].refused = true;
            b->report(b->data, patterns[i].rule_id, why.text);
        }

        return true;
    }

    entry->narrow = patterns->regex && mutt_engine_is_narrow(text);
    entry->engine = patterns->regex ? MUTT_ENGINE_NEED
                    : plain         ? MUTT_ENGINE_PLAIN
                                    : MUTT_ENGINE_FAST;

    if (!add_words(b, (uint32_t) m->n, mutt_str(text))) {
        free(text);
        return false;
    }

    for (size_t i = 0; i < n; i++) {
        mutt_ranks_add(&entry->ranks[0], patterns[i].severity,
                       patterns[i].rank);

        if (!patterns[i].no_traps) {
            mutt_ranks_add(&entry->ranks[1], patterns[i].severity,
                           patterns[i].rank);
        }
    }

    b->texts[m->n++] = text;

    return true;
}


static mutt_rc_t
add_entries(build_t *b, mutt_text_pattern_t *patterns, size_t n,
            mutt_err_t *err)
{
    qsort(patterns, n, sizeof(mutt_text_pattern_t), by_text);

    for (size_t i = 0; i < n;) {
        size_t same = 1;

        while (i + same < n &&
               compare_text(&patterns[i], &patterns[i + same]) == 0) {
            same++;
        }

        if (check_wanted(b, err) != MUTT_OK) {
            return MUTT_STALE;
        }

        if (!add_entry(b, &patterns[i], same)) {
            return mutt_fail(err, MUTT_NOMEM, "out of memory for a pattern");
        }

        i += same;
    }

    return MUTT_OK;
}


/* Gives a regular expression that no word stands for its engine. */
static void
give_engine(build_t *b, size_t i)
{
    mutt_match_entry_t *entry = &b->m->entries[i];

    entry->engine = next_engine_of(b->m, b->texts[i], entry->narrow);

    if (entry->engine == MUTT_ENGINE_FAST && !entry->narrow) {
        mutt_regex_destroy(entry->regex);
        entry->regex = NULL;
    }
}


/* Which regular expressions words stand for, now that all are known. */
static mutt_rc_t
choose_engines(build_t *b, mutt_err_t *err)
{
    mutt_text_matcher_t *m = b->m;

    if (!mutt_words_choose(m->words)) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for words");
    }

    for (size_t i = 0; i < m->n; i++) {
        mutt_match_entry_t *entry = &m->entries[i];
        size_t sharing = mutt_words_sharing(m->words, (uint32_t) i);

        if (entry->engine != MUTT_ENGINE_NEED) {
            continue;
        }

        if (check_wanted(b, err) != MUTT_OK) {
            return MUTT_STALE;
        }

        if (sharing == 0 || sharing > SHARING_MAX) {
            mutt_words_drop(m->words, (uint32_t) i);
            give_engine(b, i);
            continue;
        }

        if (mutt_engine_of(b->texts[i], entry->narrow) == MUTT_ENGINE_FAST) {
            entry->lone = mutt_hyper_lone_create(b->texts[i], entry->narrow);

            if (entry->lone == NULL) {
                return mutt_fail(err, MUTT_NOMEM,
                                 "out of memory for a pattern");
            }
        }
    }

    return MUTT_OK;
}


/* Hands an entry to the next slower engine that takes it. */
static mutt_rc_t
demote(build_t *b, size_t i, mutt_err_t *err)
{
    mutt_match_entry_t *entry = &b->m->entries[i];

    if (!add_regex(entry, b->texts[i], err)) {
        return MUTT_INVALID;
    }

    entry->engine = entry->engine == MUTT_ENGINE_FAST &&
                            mutt_engine_reads(b->texts[i], MUTT_ENGINE_CONFIRM,
                                              entry->narrow)
                        ? MUTT_ENGINE_CONFIRM
                        : MUTT_ENGINE_SLOW;

    return MUTT_OK;
}


static mutt_rc_t
demote_all(build_t *b, part_t part, mutt_err_t *err)
{
    for (size_t i = 0; i < b->m->n; i++) {
        if (part_of(&b->m->entries[i]) != part) {
            continue;
        }

        if (!add_regex(&b->m->entries[i], b->texts[i], err)) {
            return MUTT_INVALID;
        }

        b->m->entries[i].engine = MUTT_ENGINE_SLOW;
    }

    return MUTT_OK;
}


static void
collect(const build_t *b, part_t part, expressions_t *x)
{
    x->n = 0;

    for (size_t i = 0; i < b->m->n; i++) {
        const mutt_match_entry_t *entry = &b->m->entries[i];

        if (entry->engine != MUTT_ENGINE_SLOW && part_of(entry) == part) {
            x->texts[x->n] = b->texts[i];
            x->flags[x->n] = mutt_hyper_flags(
                part != PART_NARROW, entry->engine == MUTT_ENGINE_CONFIRM);
            x->ids[x->n++] = (unsigned) i;
        }
    }
}


/* Makes a literal a pattern like any other. */
static mutt_rc_t
unplain(build_t *b, size_t i, mutt_err_t *err)
{
    char *text = mutt_match_literal(mutt_str(b->texts[i]));

    if (text == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a pattern");
    }

    free(b->texts[i]);
    b->texts[i] = text;
    b->m->entries[i].engine = MUTT_ENGINE_FAST;

    return MUTT_OK;
}


/* Should Hyperscan not take the words together, they are patterns. */
static mutt_rc_t
compile_words(build_t *b, mutt_err_t *err)
{
    mutt_rc_t rc = mutt_words_build(b->m->words, err);

    if (rc != MUTT_INVALID) {
        return rc;
    }

    rc = MUTT_OK;

    for (size_t i = 0; i < b->m->n && rc == MUTT_OK; i++) {
        switch (b->m->entries[i].engine) {
        case MUTT_ENGINE_PLAIN:
            rc = unplain(b, i, err);
            break;
        case MUTT_ENGINE_NEED:
            give_engine(b, i);
            break;
        default:
            break;
        }
    }

    return rc;
}


/*
 * Some patterns turn out to be too large only when all are compiled: they go
 * to a slower engine, so that no rule can keep the others from loading.
 */
static mutt_rc_t
compile(build_t *b, part_t part, hs_database_t **database, expressions_t *x,
        mutt_err_t *err)
{
    for (;;) {
        hs_compile_error_t *error = NULL;

        if (check_wanted(b, err) != MUTT_OK) {
            return MUTT_STALE;
        }

        collect(b, part, x);

        if (x->n == 0 || hs_compile_multi(x->texts, x->flags, x->ids,
                                          (unsigned) x->n, HS_MODE_BLOCK, NULL,
                                          database, &error) == HS_SUCCESS) {
            return MUTT_OK;
        }

        int culprit = error->expression;
        mutt_rc_t rc = culprit < 0 ? demote_all(b, part, err)
                                   : demote(b, x->ids[culprit], err);

        (void) hs_free_compile_error(error);

        if (rc != MUTT_OK) {
            return rc;
        }
    }
}


bool
mutt_match_alloc_scratch(mutt_text_matcher_t *m, const hs_database_t *database)
{
    return database == NULL ||
           hs_alloc_scratch(database, &m->scratch) == HS_SUCCESS;
}


static mutt_rc_t
build_database(build_t *b, mutt_err_t *err)
{
    size_t n = b->m->n + 1;
    expressions_t x = {
        .texts = calloc(n, sizeof(char *)),
        .flags = calloc(n, sizeof(unsigned)),
        .ids = calloc(n, sizeof(unsigned)),
    };
    mutt_rc_t rc = MUTT_OK;

    if (x.texts == NULL || x.flags == NULL || x.ids == NULL) {
        rc = mutt_fail(err, MUTT_NOMEM, "out of memory for rules");
    } else {
        rc = compile_words(b, err);

        if (rc == MUTT_OK) {
            rc = compile(b, PART_REST, &b->m->database, &x, err);
        }

        if (rc == MUTT_OK) {
            rc = compile(b, PART_NARROW, &b->m->narrow, &x, err);
        }
    }

    free(x.texts);
    free(x.flags);
    free(x.ids);

    if (rc == MUTT_OK && !(mutt_match_alloc_scratch(b->m, b->m->database) &&
                           mutt_match_alloc_scratch(b->m, b->m->narrow))) {
        rc = mutt_fail(err, MUTT_NOMEM, "out of memory for a scan");
    }

    return rc;
}


static int
by_first(const void *pa, const void *pb, void *data)
{
    const mutt_text_matcher_t *m = data;
    uint32_t a = m->entries[*(const uint32_t *) pa].first;
    uint32_t b = m->entries[*(const uint32_t *) pb].first;

    return a < b ? -1 : a > b;
}


static void
list_slow(mutt_text_matcher_t *m)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->entries[i].engine == MUTT_ENGINE_SLOW) {
            m->slow[m->n_slow++] = (uint32_t) i;
        }
    }

    qsort_r(m->slow, m->n_slow, sizeof(uint32_t), by_first, m);
}


void
mutt_match_list_unseen(mutt_text_matcher_t *m)
{
    m->n_unseen = 0;

    for (size_t i = 0; i < m->n; i++) {
        const mutt_match_entry_t *entry = &m->entries[i];

        if (part_of(entry) == PART_NARROW &&
            entry->engine != MUTT_ENGINE_SLOW &&
            (m->adopted == NULL ||
             mutt_wide_kind(m->wide, (uint32_t) i) == MUTT_WIDE_UNSEEN)) {
            m->unseen[m->n_unseen++] = (uint32_t) i;
        }
    }

    qsort_r(m->unseen, m->n_unseen, sizeof(uint32_t), by_first, m);
}


static mutt_rc_t
prepare_wide(build_t *b, mutt_err_t *err)
{
    mutt_text_matcher_t *m = b->m;

    mutt_match_list_unseen(m);

    if (m->n_unseen == 0) {
        return MUTT_OK;
    }

    m->wide = mutt_wide_create(m->n);

    for (size_t i = 0; m->wide != NULL && i < m->n_unseen; i++) {
        uint32_t id = m->unseen[i];

        if (!mutt_wide_add(m->wide, b->texts[id], id)) {
            mutt_wide_release(m->wide);
            m->wide = NULL;
        }
    }

    return m->wide != NULL
               ? MUTT_OK
               : mutt_fail(err, MUTT_NOMEM, "out of memory for patterns");
}


static mutt_rc_t
build(build_t *b, mutt_text_pattern_t *patterns, size_t n, mutt_err_t *err)
{
    mutt_text_matcher_t *m = b->m;

    m->entries = calloc(n + 1, sizeof(mutt_match_entry_t));
    m->slow = calloc(n + 1, sizeof(uint32_t));
    m->unseen = calloc(n + 1, sizeof(uint32_t));
    m->candidates = calloc(n + 1, sizeof(mutt_match_candidate_t));
    m->regex_scratch = mutt_regex_scratch_create();
    m->words = mutt_words_create(n);
    b->texts = calloc(n + 1, sizeof(char *));

    if (m->entries == NULL || m->slow == NULL || m->unseen == NULL ||
        m->candidates == NULL || m->regex_scratch == NULL || m->words == NULL ||
        b->texts == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a matcher");
    }

    mutt_rc_t rc = add_entries(b, patterns, n, err);

    if (rc == MUTT_OK) {
        rc = choose_engines(b, err);
    }

    if (rc == MUTT_OK) {
        rc = build_database(b, err);
    }

    if (rc == MUTT_OK) {
        list_slow(m);
        rc = prepare_wide(b, err);
    }

    return rc;
}


mutt_rc_t
mutt_text_matcher_create(mutt_text_pattern_t *patterns, size_t n,
                         const bool *outdated, mutt_match_report_t report,
                         void *data, mutt_text_matcher_t **matcher,
                         mutt_err_t *err)
{
    build_t b = {
        .m = calloc(1, sizeof(mutt_text_matcher_t)),
        .outdated = outdated,
        .report = report,
        .data = data,
    };

    if (b.m == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a matcher");
    }

    mutt_rc_t rc = build(&b, patterns, n, err);

    for (size_t i = 0; b.texts != NULL && i < b.m->n; i++) {
        free(b.texts[i]);
    }

    free(b.texts);

    if (rc != MUTT_OK) {
        mutt_text_matcher_destroy(b.m);
        return rc;
    }

    *matcher = b.m;

    return MUTT_OK;
}
