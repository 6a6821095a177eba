/*
 * Plain ASCII text is a word (mutt_match_words.h).  So is a piece that a
 * regular expression can't do without, if few others share it: PCRE2 decides
 * where it occurs.  For the rest, Hyperscan finds which of thousands of
 * patterns occur in one pass.  Of what it can't read it often reads a superset,
 * so that PCRE2 only has to confirm the few candidates; what is left PCRE2
 * tries one by one.
 *
 * In a message that is ASCII, a pattern that is ASCII means the same with
 * ASCII's classes as with Unicode's, and is compiled twenty times as fast: such
 * patterns are narrow, and have a database of their own.  For other messages
 * they have another one, built behind the matcher's back (mutt_match_wide.h)
 * when the first such message has come; until it is there, PCRE2 tries them
 * one by one.
 *
 * Rules with the same pattern are one entry, whose ranks say which of them
 * an event of some severity belongs to.  So the cost of an event grows with
 * the patterns that occur in it, not with the rules there are.
 *
 * Hyperscan's Unicode is older than PCRE2's.  What that changes for case is
 * made good here; that letters of scripts since then are no \w to it is not.
 */

#include "mutt_match_text.h"

#include <stdlib.h>

#include <hs.h>

#include "mutt_match_cost.h"
#include "mutt_match_hyper.h"
#include "mutt_match_literal.h"
#include "mutt_match_need.h"
#include "mutt_match_words.h"
#include "mutt_regex.h"

/* a piece of a regular expression is looked for when it has so many characters
 * and so few share it */
#define NEED_MIN 4
#define SHARING_MAX 4

/* a pattern that goes on hitting limits is not tried again for a while */
#define STRIKES_MAX 10

typedef enum {
    ENGINE_PLAIN,   /* a word */
    ENGINE_NEED,    /* PCRE2 decides, where a word occurs */
    ENGINE_FAST,    /* Hyperscan decides */
    ENGINE_CONFIRM, /* Hyperscan finds candidates, PCRE2 decides */
    ENGINE_SLOW     /* PCRE2 decides */
} engine_t;

typedef struct {
    mutt_ranks_t ranks[2]; /* for traps: [1] */
    uint32_t first;        /* the lowest rank of all */
    int32_t rule_id;       /* of that rank */
    engine_t engine;
    bool narrow; /* the engine sees it in messages that are ASCII */
    unsigned strikes;
    uint64_t seen;           /* the last scan that has it as a candidate */
    mutt_regex_t *regex;     /* where PCRE2 may have to decide, else NULL */
    mutt_hyper_lone_t *lone; /* decides where PCRE2 gives up; may be NULL */
} entry_t;

/* A candidate of one scan. */
typedef struct {
    uint32_t rank;
    uint32_t entry;
} candidate_t;

struct mutt_text_matcher_s {
    mutt_words_t *words;
    hs_database_t *database;
    hs_database_t *narrow; /* for messages that are ASCII */
    mutt_wide_t *wide;     /* for others; NULL: there are no such patterns */
    const hs_database_t *adopted; /* of wide, once it was built */
    bool lacks_wide;              /* and nobody was told yet */
    bool told;
    hs_scratch_t *scratch; /* for all */
    mutt_regex_scratch_t *regex_scratch;
    entry_t *entries; /* Hyperscan's ids are indices */
    size_t n;
    uint32_t *slow; /* entries that Hyperscan never sees, by rank */
    size_t n_slow;
    uint32_t *unseen; /* those it does not see in other messages, by rank */
    size_t n_unseen;
    candidate_t *candidates;
    uint64_t scans;
    uint64_t cost; /* of the patterns that Hyperscan compiles */
};

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
part_of(const entry_t *entry)
{
    return entry->engine == ENGINE_PLAIN || entry->engine == ENGINE_NEED
               ? PART_WORDS
           : entry->narrow ? PART_NARROW
                           : PART_REST;
}


static bool
hyperscan_reads(const char *text, engine_t engine, bool narrow)
{
    return mutt_hyper_reads(
        text, mutt_hyper_flags(!narrow, engine == ENGINE_CONFIRM));
}


/* Whether text is ASCII, the characters that a literal may have. */
static bool
is_plain(mutt_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0) {
            return false;
        }
    }

    return text.len > 0;
}


/*
 * Whether a pattern means the same in ASCII when it is read as ASCII.  One that
 * names a character by its number, or asks for another reading, may not.
 */
static bool
is_narrow(const char *text)
{
    if (!is_plain(mutt_str(text)) || strstr(text, "\\x") != NULL ||
        strncmp(text, "(*", 2) == 0) {
        return false;
    }

    for (const char *p = strchr(text, '\\'); p != NULL && p[1] != '\0';
         p = strchr(p + 2, '\\')) {
        if (p[1] >= '0' && p[1] <= '9') {
            return false;
        }
    }

    return true;
}


/* The fastest engine that means by text what PCRE2 means by it. */
static engine_t
engine_of(const char *text, bool narrow)
{
    if (mutt_match_cost(mutt_str(text)) > MUTT_MATCH_COST_FAST) {
        return ENGINE_SLOW;
    }

    /* with its older Unicode it might not even find all candidates */
    if (mutt_case_has_newer(mutt_str(text)) || strstr(text, "\\p") != NULL ||
        strstr(text, "\\P") != NULL || strstr(text, "\\x{") != NULL ||
        strstr(text, "\\o{") != NULL) {
        return ENGINE_SLOW;
    }

    if (hyperscan_reads(text, ENGINE_FAST, narrow)) {
        return ENGINE_FAST;
    }

    return hyperscan_reads(text, ENGINE_CONFIRM, narrow) ? ENGINE_CONFIRM
                                                         : ENGINE_SLOW;
}


/* The engine of one more pattern, since compiling all has to end some day. */
static engine_t
next_engine_of(mutt_text_matcher_t *m, const char *text, bool narrow)
{
    uint64_t cost = mutt_match_cost(mutt_str(text));
    engine_t engine = engine_of(text, narrow);

    if (engine == ENGINE_SLOW || cost <= MUTT_MATCH_COST_LITTLE) {
        return engine;
    }

    m->cost += cost;

    return m->cost > MUTT_MATCH_COST_ALL ? ENGINE_SLOW : engine;
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
add_regex(entry_t *entry, const char *text, mutt_err_t *err)
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
    case ENGINE_PLAIN:
        return mutt_words_add(b->m->words, id, text);
    case ENGINE_NEED:
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
    entry_t *entry = &m->entries[m->n];
    bool plain = !patterns->regex && is_plain(patterns->text);
    char *text = patterns->regex || plain
                     ? strndup(patterns->text.data, patterns->text.len)
                     : mutt_match_literal(patterns->text);
    mutt_err_t why;

    if (text == NULL) {
        return false;
    }

    *entry = (entry_t) {
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

    entry->narrow = patterns->regex && is_narrow(text);
    entry->engine = patterns->regex ? ENGINE_NEED
                    : plain         ? ENGINE_PLAIN
                                    : ENGINE_FAST;

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
    entry_t *entry = &b->m->entries[i];

    entry->engine = next_engine_of(b->m, b->texts[i], entry->narrow);

    if (entry->engine == ENGINE_FAST && !entry->narrow) {
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
        entry_t *entry = &m->entries[i];
        size_t sharing = mutt_words_sharing(m->words, (uint32_t) i);

        if (entry->engine != ENGINE_NEED) {
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

        if (engine_of(b->texts[i], entry->narrow) == ENGINE_FAST) {
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
    entry_t *entry = &b->m->entries[i];

    if (!add_regex(entry, b->texts[i], err)) {
        return MUTT_INVALID;
    }

    entry->engine =
        entry->engine == ENGINE_FAST &&
                hyperscan_reads(b->texts[i], ENGINE_CONFIRM, entry->narrow)
            ? ENGINE_CONFIRM
            : ENGINE_SLOW;

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

        b->m->entries[i].engine = ENGINE_SLOW;
    }

    return MUTT_OK;
}


static void
collect(const build_t *b, part_t part, expressions_t *x)
{
    x->n = 0;

    for (size_t i = 0; i < b->m->n; i++) {
        const entry_t *entry = &b->m->entries[i];

        if (entry->engine != ENGINE_SLOW && part_of(entry) == part) {
            x->texts[x->n] = b->texts[i];
            x->flags[x->n] = mutt_hyper_flags(part != PART_NARROW,
                                              entry->engine == ENGINE_CONFIRM);
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
    b->m->entries[i].engine = ENGINE_FAST;

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
        case ENGINE_PLAIN:
            rc = unplain(b, i, err);
            break;
        case ENGINE_NEED:
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


static bool
alloc_scratch(mutt_text_matcher_t *m, const hs_database_t *database)
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

    if (rc == MUTT_OK && !(alloc_scratch(b->m, b->m->database) &&
                           alloc_scratch(b->m, b->m->narrow))) {
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
        if (m->entries[i].engine == ENGINE_SLOW) {
            m->slow[m->n_slow++] = (uint32_t) i;
        }
    }

    qsort_r(m->slow, m->n_slow, sizeof(uint32_t), by_first, m);
}


/* Lists the narrow entries that nothing but PCRE2 finds in other messages. */
static void
list_unseen(mutt_text_matcher_t *m)
{
    m->n_unseen = 0;

    for (size_t i = 0; i < m->n; i++) {
        const entry_t *entry = &m->entries[i];

        if (part_of(entry) == PART_NARROW && entry->engine != ENGINE_SLOW &&
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

    list_unseen(m);

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

    m->entries = calloc(n + 1, sizeof(entry_t));
    m->slow = calloc(n + 1, sizeof(uint32_t));
    m->unseen = calloc(n + 1, sizeof(uint32_t));
    m->candidates = calloc(n + 1, sizeof(candidate_t));
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


void
mutt_text_matcher_destroy(mutt_text_matcher_t *matcher)
{
    if (matcher == NULL) {
        return;
    }

    for (size_t i = 0; i < matcher->n; i++) {
        mutt_regex_destroy(matcher->entries[i].regex);
        mutt_hyper_lone_destroy(matcher->entries[i].lone);
    }

    (void) hs_free_scratch(matcher->scratch);
    mutt_words_destroy(matcher->words);
    (void) hs_free_database(matcher->database);
    (void) hs_free_database(matcher->narrow);
    mutt_wide_release(matcher->wide);
    mutt_regex_scratch_destroy(matcher->regex_scratch);
    free(matcher->entries);
    free(matcher->slow);
    free(matcher->unseen);
    free(matcher->candidates);
    free(matcher);
}


mutt_wide_t *
mutt_text_matcher_wide(mutt_text_matcher_t *matcher)
{
    if (!matcher->lacks_wide) {
        return NULL;
    }

    matcher->lacks_wide = false;
    matcher->told = true;

    return mutt_wide_hold(matcher->wide);
}


void
mutt_text_matcher_forgive(mutt_text_matcher_t *matcher)
{
    for (size_t i = 0; i < matcher->n; i++) {
        matcher->entries[i].strikes = 0;
    }
}


/* One scan on its way through the patterns that occur. */
typedef struct {
    mutt_text_matcher_t *m;
    int severity;
    bool trap;
    uint32_t best;
    bool wide; /* the message is not ASCII */
    size_t n_candidates;
    mutt_match_report_t report;
    void *data;
} scan_t;


static uint32_t
rank_of(const scan_t *scan, const entry_t *entry)
{
    return mutt_ranks_of(&entry->ranks[scan->trap], scan->severity);
}


/* Whether Hyperscan's word counts. */
static bool
is_sure(const scan_t *scan, const entry_t *entry, unsigned id)
{
    switch (entry->engine) {
    case ENGINE_PLAIN:
        return true;
    case ENGINE_NEED:
        return false;
    default:
        return scan->wide && entry->narrow
                   ? mutt_wide_kind(scan->m->wide, id) == MUTT_WIDE_SURE
                   : entry->engine != ENGINE_CONFIRM;
    }
}


static int
on_lone(unsigned id, unsigned long long from, unsigned long long to,
        unsigned flags, void *context)
{
    (void) id;
    (void) from;
    (void) to;
    (void) flags;
    *(bool *) context = true;

    return 1;
}


static void
on_found(void *context, uint32_t id)
{
    scan_t *scan = context;
    entry_t *entry = &scan->m->entries[id];
    uint32_t rank = rank_of(scan, entry);

    if (rank >= scan->best) {
        return;
    }

    if (is_sure(scan, entry, id)) {
        scan->best = rank;
        return;
    }

    /* words may be found at each place where they are */
    if (entry->seen != scan->m->scans) {
        entry->seen = scan->m->scans;
        scan->m->candidates[scan->n_candidates++] =
            (candidate_t) { .rank = rank, .entry = id };
    }
}


static int
on_match(unsigned id, unsigned long long from, unsigned long long to,
         unsigned flags, void *context)
{
    (void) from;
    (void) to;
    (void) flags;
    on_found(context, id);

    return 0;
}


/* Whether Hyperscan, asked for this pattern alone, finds it where PCRE2 gave
 * up; MUTT_REGEX_LIMIT when it can't be asked. */
static mutt_regex_result_t
ask_lone(scan_t *scan, const entry_t *entry, mutt_str_t text)
{
    const hs_database_t *database =
        entry->lone == NULL ? NULL
                            : mutt_hyper_lone_database(entry->lone, scan->wide);
    bool found = false;

    if (database == NULL || !alloc_scratch(scan->m, database)) {
        return MUTT_REGEX_LIMIT;
    }

    (void) hs_scan(database, text.data, (unsigned) text.len, 0,
                   scan->m->scratch, on_lone, &found);

    return found ? MUTT_REGEX_YES : MUTT_REGEX_NO;
}


static bool
matches_slowly(scan_t *scan, entry_t *entry, mutt_str_t text)
{
    if (entry->strikes >= STRIKES_MAX) {
        return ask_lone(scan, entry, text) == MUTT_REGEX_YES;
    }

    mutt_regex_result_t result =
        mutt_regex_match(entry->regex, scan->m->regex_scratch, text);

    if (result != MUTT_REGEX_LIMIT) {
        return result == MUTT_REGEX_YES;
    }

    entry->strikes++;
    result = ask_lone(scan, entry, text);

    if (result == MUTT_REGEX_LIMIT) {
        scan->report(scan->data, entry->rule_id,
                     entry->strikes < STRIKES_MAX
                         ? "pattern hit a limit, taken as no match"
                         : "pattern hit limits too often, switched off until "
                           "the next reload");
    }

    return result == MUTT_REGEX_YES;
}


static int
by_candidate(const void *pa, const void *pb)
{
    uint32_t a = ((const candidate_t *) pa)->rank;
    uint32_t b = ((const candidate_t *) pb)->rank;

    return a < b ? -1 : a > b;
}


static void
confirm(scan_t *scan, mutt_str_t text)
{
    candidate_t *candidates = scan->m->candidates;

    qsort(candidates, scan->n_candidates, sizeof(candidate_t), by_candidate);

    for (size_t i = 0; i < scan->n_candidates; i++) {
        if (candidates[i].rank >= scan->best) {
            return;
        }

        if (matches_slowly(scan, &scan->m->entries[candidates[i].entry],
                           text)) {
            scan->best = candidates[i].rank;
        }
    }
}


/* Tries a list of entries with PCRE2. */
static void
try_slow(scan_t *scan, const uint32_t *list, size_t n, mutt_str_t text)
{
    for (size_t i = 0; i < n; i++) {
        entry_t *entry = &scan->m->entries[list[i]];
        uint32_t rank = rank_of(scan, entry);

        if (entry->first >= scan->best) {
            return;
        }

        if (rank < scan->best && matches_slowly(scan, entry, text)) {
            scan->best = rank;
        }
    }
}


static void
scan_with(scan_t *scan, const hs_database_t *database, mutt_str_t text)
{
    if (database != NULL) {
        (void) hs_scan(database, text.data, (unsigned) text.len, 0,
                       scan->m->scratch, on_match, scan);
    }
}


static bool
is_ascii(mutt_str_t text)
{
    uint64_t all = 0;
    size_t i = 0;

    for (; i + sizeof(all) <= text.len; i += sizeof(all)) {
        uint64_t part;

        memcpy(&part, text.data + i, sizeof(part));
        all |= part;
    }

    for (; i < text.len; i++) {
        all |= (uint64_t) (unsigned char) text.data[i];
    }

    return (all & 0x8080808080808080u) == 0;
}


/* Takes the other database, if it has come; without memory PCRE2 goes on. */
static void
adopt(mutt_text_matcher_t *m)
{
    if (m->adopted != NULL || m->wide == NULL) {
        return;
    }

    const hs_database_t *built = mutt_wide_database(m->wide);

    if (built == NULL || !alloc_scratch(m, built)) {
        m->lacks_wide = !m->told;
        return;
    }

    m->adopted = built;
    list_unseen(m);
}


/* What is narrow, in a message that is not. */
static void
scan_wide(scan_t *scan, mutt_str_t text)
{
    adopt(scan->m);
    scan_with(scan, scan->m->adopted, text);
    confirm(scan, text);
    try_slow(scan, scan->m->unseen, scan->m->n_unseen, text);
}


uint32_t
mutt_text_matcher_match(mutt_text_matcher_t *matcher,
                        const mutt_match_input_t *input, bool trap,
                        uint32_t best, mutt_match_report_t report, void *data)
{
    mutt_str_t text = input->message;
    scan_t scan = {
        .m = matcher,
        .severity = input->severity,
        .trap = trap,
        .best = best,
        .wide = !is_ascii(text),
        .report = report,
        .data = data,
    };

    matcher->scans++;
    mutt_words_scan(matcher->words, text, !scan.wide, on_found, &scan);
    scan_with(&scan, matcher->database, text);

    if (scan.wide) {
        scan_wide(&scan, text);
    } else {
        scan_with(&scan, matcher->narrow, text);
        confirm(&scan, text);
    }

    try_slow(&scan, matcher->slow, matcher->n_slow, text);

    return scan.best;
}
