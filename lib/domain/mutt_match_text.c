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

#include "mutt_match_parts.h"

#include <stdlib.h>

/* a pattern that goes on hitting limits is not tried again for a while */
#define STRIKES_MAX 10


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
rank_of(const scan_t *scan, const mutt_match_entry_t *entry)
{
    return mutt_ranks_of(&entry->ranks[scan->trap], scan->severity);
}


/* Whether Hyperscan's word counts. */
static bool
is_sure(const scan_t *scan, const mutt_match_entry_t *entry, unsigned id)
{
    switch (entry->engine) {
    case MUTT_ENGINE_PLAIN:
        return true;
    case MUTT_ENGINE_NEED:
        return false;
    default:
        return scan->wide && entry->narrow
                   ? mutt_wide_kind(scan->m->wide, id) == MUTT_WIDE_SURE
                   : entry->engine != MUTT_ENGINE_CONFIRM;
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
    mutt_match_entry_t *entry = &scan->m->entries[id];
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
            (mutt_match_candidate_t) { .rank = rank, .entry = id };
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
ask_lone(scan_t *scan, const mutt_match_entry_t *entry, mutt_str_t text)
{
    const hs_database_t *database =
        entry->lone == NULL ? NULL
                            : mutt_hyper_lone_database(entry->lone, scan->wide);
    bool found = false;

    if (database == NULL || !mutt_match_alloc_scratch(scan->m, database)) {
        return MUTT_REGEX_LIMIT;
    }

    (void) hs_scan(database, text.data, (unsigned) text.len, 0,
                   scan->m->scratch, on_lone, &found);

    return found ? MUTT_REGEX_YES : MUTT_REGEX_NO;
}


static bool
matches_slowly(scan_t *scan, mutt_match_entry_t *entry, mutt_str_t text)
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
    uint32_t a = ((const mutt_match_candidate_t *) pa)->rank;
    uint32_t b = ((const mutt_match_candidate_t *) pb)->rank;

    return a < b ? -1 : a > b;
}


static void
confirm(scan_t *scan, mutt_str_t text)
{
    mutt_match_candidate_t *candidates = scan->m->candidates;

    qsort(candidates, scan->n_candidates, sizeof(mutt_match_candidate_t),
          by_candidate);

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
        mutt_match_entry_t *entry = &scan->m->entries[list[i]];
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

    if (built == NULL || !mutt_match_alloc_scratch(m, built)) {
        m->lacks_wide = !m->told;
        return;
    }

    m->adopted = built;
    mutt_match_list_unseen(m);
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
