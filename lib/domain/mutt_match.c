#include "mutt_match.h"

#include <stdlib.h>

#include "core/mutt_pool.h"
#include "mutt_match_cost.h"
#include "mutt_match_oid.h"
#include "mutt_match_text.h"
#include "mutt_regex.h"

#define POOL_BLOCK 65536

/* a pattern is tried on so many messages of so many bytes: what takes the
 * square of their length passes, what takes the cube does not */
#define TRIALS_MAX 24
#define TRIAL_LEN 200

struct mutt_matcher_s {
    mutt_pool_t *pool;  /* the rules' text */
    mutt_rule_t *rules; /* by rank */
    size_t n;
    size_t dropped;
    mutt_text_matcher_t *text;
    mutt_oid_matcher_t *oids;
};


static int
by_rank(const void *pa, const void *pb)
{
    const mutt_rule_t *a = pa;
    const mutt_rule_t *b = pb;

    if (a->priority != b->priority) {
        return a->priority < b->priority ? -1 : 1;
    }

    return a->id < b->id ? -1 : a->id > b->id;
}


static bool
copy_rules(mutt_matcher_t *m, const mutt_rule_t *rules, size_t n)
{
    m->rules = mutt_pool_alloc(m->pool, (n + 1) * sizeof(mutt_rule_t));

    if (m->rules == NULL) {
        return false;
    }

    if (n > 0) {
        memcpy(m->rules, rules, n * sizeof(mutt_rule_t));
        qsort(m->rules, n, sizeof(mutt_rule_t), by_rank);
    }

    m->n = n;

    for (size_t i = 0; i < n; i++) {
        mutt_rule_t *r = &m->rules[i];

        r->match_string = mutt_pool_dup(m->pool, r->match_string);
        r->trap_oid = mutt_pool_dup(m->pool, r->trap_oid);
        r->team = mutt_pool_dup(m->pool, r->team);

        if (r->match_string.data == NULL || r->trap_oid.data == NULL ||
            r->team.data == NULL) {
            return false;
        }
    }

    return true;
}


/* Text that a rule looks for; an OID rule looks at nothing else. */
static bool
has_text(const mutt_rule_t *rule)
{
    return rule->match_string.len > 0 && rule->type != MUTT_MATCH_OID_PREFIX;
}


/* Leaves a rule out: it is in neither half. */
static void
drop(mutt_matcher_t *m, size_t rank)
{
    m->rules[rank].match_string.len = 0;
    m->rules[rank].trap_oid.len = 0;
    m->dropped++;
}


/* Leaves out the rules that can match nothing. */
static void
check_rules(mutt_matcher_t *m, mutt_match_report_t report, void *data)
{
    for (size_t i = 0; i < m->n; i++) {
        const char *why = mutt_rule_fault(&m->rules[i]);

        if (why != NULL) {
            report(data, m->rules[i].id, why);
            drop(m, i);
        }
    }
}


static mutt_rc_t
build_text(mutt_matcher_t *m, const bool *outdated, mutt_match_report_t report,
           void *data, mutt_err_t *err)
{
    mutt_text_pattern_t *patterns =
        calloc(m->n + 1, sizeof(mutt_text_pattern_t));
    size_t n = 0;

    if (patterns == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for patterns");
    }

    for (size_t i = 0; i < m->n; i++) {
        const mutt_rule_t *r = &m->rules[i];

        if (has_text(r)) {
            patterns[n++] = (mutt_text_pattern_t) {
                .text = r->match_string,
                .regex = r->type == MUTT_MATCH_REGEX,
                .no_traps = r->trap_oid.len > 0,
                .severity = r->severity,
                .rank = (uint32_t) i,
                .rule_id = r->id,
            };
        }
    }

    mutt_rc_t rc = mutt_text_matcher_create(patterns, n, outdated, report, data,
                                            &m->text, err);

    for (size_t i = 0; rc == MUTT_OK && i < n; i++) {
        if (patterns[i].refused) {
            drop(m, patterns[i].rank);
        }
    }

    free(patterns);

    return rc;
}


static mutt_rc_t
build_oids(mutt_matcher_t *m, mutt_err_t *err)
{
    m->oids = mutt_oid_matcher_create(m->n);

    if (m->oids == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for OIDs");
    }

    for (size_t i = 0; i < m->n; i++) {
        const mutt_rule_t *r = &m->rules[i];
        mutt_oid_t oid;

        if (r->trap_oid.len > 0 && mutt_oid_parse(r->trap_oid, true, &oid) &&
            !mutt_oid_matcher_add(m->oids, &oid, r->severity, (uint32_t) i)) {
            return mutt_fail(err, MUTT_NOMEM, "out of memory for OIDs");
        }
    }

    mutt_oid_matcher_finish(m->oids);

    return MUTT_OK;
}


mutt_rc_t
mutt_matcher_create(const mutt_rule_t *rules, size_t n,
                    mutt_match_report_t report, void *data,
                    mutt_matcher_t **matcher, mutt_err_t *err)
{
    return mutt_matcher_build(rules, n, NULL, report, data, matcher, err);
}


mutt_rc_t
mutt_matcher_build(const mutt_rule_t *rules, size_t n, const bool *outdated,
                   mutt_match_report_t report, void *data,
                   mutt_matcher_t **matcher, mutt_err_t *err)
{
    mutt_matcher_t *m = calloc(1, sizeof(mutt_matcher_t));

    if (m == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for rules");
    }

    m->pool = mutt_pool_create(POOL_BLOCK);

    mutt_rc_t rc = MUTT_OK;

    if (m->pool == NULL || !copy_rules(m, rules, n)) {
        rc = mutt_fail(err, MUTT_NOMEM, "out of memory for rules");
    }

    if (rc == MUTT_OK) {
        check_rules(m, report, data);
        rc = build_text(m, outdated, report, data, err);
    }

    if (rc == MUTT_OK) {
        rc = build_oids(m, err);
    }

    if (rc != MUTT_OK) {
        mutt_matcher_destroy(m);
        return rc;
    }

    *matcher = m;

    return MUTT_OK;
}


void
mutt_matcher_destroy(mutt_matcher_t *matcher)
{
    if (matcher == NULL) {
        return;
    }

    mutt_text_matcher_destroy(matcher->text);
    mutt_oid_matcher_destroy(matcher->oids);
    mutt_pool_destroy(matcher->pool);
    free(matcher);
}


mutt_wide_t *
mutt_matcher_wide(mutt_matcher_t *matcher)
{
    return mutt_text_matcher_wide(matcher->text);
}


size_t
mutt_matcher_count(const mutt_matcher_t *matcher)
{
    return matcher->n - matcher->dropped;
}


void
mutt_matcher_forgive(mutt_matcher_t *matcher)
{
    mutt_text_matcher_forgive(matcher->text);
}


const mutt_rule_t *
mutt_matcher_match(mutt_matcher_t *matcher, const mutt_match_input_t *input,
                   mutt_match_report_t report, void *data)
{
    uint32_t best = MUTT_RANK_NONE;
    mutt_oid_t oid;
    bool trap =
        input->trap_oid.len > 0 && mutt_oid_parse(input->trap_oid, false, &oid);

    if (trap) {
        best =
            mutt_oid_matcher_match(matcher->oids, &oid, input->severity, best);
    }

    best =
        mutt_text_matcher_match(matcher->text, input, trap, best, report, data);

    return best == MUTT_RANK_NONE ? NULL : &matcher->rules[best];
}


/* Whether a pattern gives up on a message that repeats one character. */
static bool
backtracks(const mutt_regex_t *regex, mutt_regex_scratch_t *scratch, char c)
{
    char message[TRIAL_LEN];

    memset(message, c, sizeof(message));
    message[sizeof(message) - 1] = '\x01';

    return mutt_regex_match(regex, scratch,
                            (mutt_str_t) { message, sizeof(message) }) ==
           MUTT_REGEX_LIMIT;
}


/*
 * Tries a pattern on what makes backtracking ones run for ever: long runs of
 * the characters that it is about, and an end that does not fit.
 */
static mutt_rc_t
try_regex(const mutt_regex_t *regex, mutt_str_t pattern, mutt_err_t *err)
{
    static const mutt_str_t others = MUTT_STR("a0 x.");
    mutt_regex_scratch_t *scratch = mutt_regex_scratch_create();
    bool tried[128] = { false };
    size_t left = TRIALS_MAX;
    mutt_rc_t rc = MUTT_OK;

    if (scratch == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a pattern");
    }

    for (size_t i = 0; i < others.len + pattern.len && left > 0; i++) {
        const char *from =
            i < others.len ? &others.data[i] : &pattern.data[i - others.len];
        char c = *from;

        if (c < ' ' || c > '~' || tried[(size_t) c]) {
            continue;
        }

        tried[(size_t) c] = true;
        left--;

        if (backtracks(regex, scratch, c)) {
            rc = mutt_fail(err, MUTT_INVALID,
                           "backtracks too much: it gives up on a message of "
                           "%d times \"%c\"",
                           TRIAL_LEN - 1, c);
            break;
        }
    }

    mutt_regex_scratch_destroy(scratch);

    return rc;
}


mutt_rc_t
mutt_match_check(mutt_match_type_t type, mutt_str_t pattern, mutt_err_t *err)
{
    mutt_regex_t *regex;

    if (type != MUTT_MATCH_REGEX) {
        return MUTT_OK;
    }

    mutt_rc_t rc = mutt_regex_create(pattern, &regex, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    uint64_t cost = mutt_match_cost(pattern);

    if (cost > MUTT_MATCH_COST_MAX) {
        rc = mutt_fail(err, MUTT_INVALID,
                       "is too large: its repeats come to %llu places, at "
                       "most %d",
                       (unsigned long long) cost, MUTT_MATCH_COST_MAX);
    } else {
        rc = try_regex(regex, pattern, err);
    }

    mutt_regex_destroy(regex);

    return rc;
}
