#include "mutt_match.h"

#include <stdlib.h>

#include "core/mutt_pool.h"
#include "mutt_match_oid.h"
#include "mutt_match_text.h"

#define POOL_BLOCK 65536

struct mutt_matcher_s {
    mutt_pool_t *pool;  /* the rules' text */
    mutt_rule_t *rules; /* by rank */
    size_t n;
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

    memcpy(m->rules, rules, n * sizeof(mutt_rule_t));
    qsort(m->rules, n, sizeof(mutt_rule_t), by_rank);
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


static mutt_rc_t
build_oids(mutt_matcher_t *m, mutt_match_report_t report, void *data,
           mutt_err_t *err)
{
    m->oids = mutt_oid_matcher_create(m->n);

    if (m->oids == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for OIDs");
    }

    for (size_t i = 0; i < m->n; i++) {
        mutt_oid_t oid;

        if (m->rules[i].trap_oid.len == 0) {
            continue;
        }

        if (!mutt_oid_parse(m->rules[i].trap_oid, true, &oid)) {
            report(data, m->rules[i].id, "trap_oid is no OID");
            continue;
        }

        if (!mutt_oid_matcher_add(m->oids, &oid, i)) {
            return mutt_fail(err, MUTT_NOMEM, "out of memory for OIDs");
        }
    }

    mutt_oid_matcher_sort(m->oids);

    return MUTT_OK;
}


static mutt_rc_t
build_text(mutt_matcher_t *m, mutt_match_report_t report, void *data,
           mutt_err_t *err)
{
    mutt_text_pattern_t *patterns =
        mutt_pool_alloc(m->pool, (m->n + 1) * sizeof(mutt_text_pattern_t));
    size_t n = 0;

    if (patterns == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for patterns");
    }

    for (size_t i = 0; i < m->n; i++) {
        const mutt_rule_t *r = &m->rules[i];

        if (r->match_string.len == 0 || r->type == MUTT_MATCH_OID_PREFIX) {
            continue;
        }

        patterns[n++] = (mutt_text_pattern_t) {
            .rank = i,
            .rule_id = r->id,
            .regex = r->type == MUTT_MATCH_REGEX,
            .text = r->match_string,
        };
    }

    return mutt_text_matcher_create(patterns, n, report, data, &m->text, err);
}


mutt_rc_t
mutt_matcher_create(const mutt_rule_t *rules, size_t n,
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
        rc = build_oids(m, report, data, err);
    }

    if (rc == MUTT_OK) {
        rc = build_text(m, report, data, err);
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


size_t
mutt_matcher_count(const mutt_matcher_t *matcher)
{
    return matcher->n;
}


/* An event against the conditions that are not its text or OID. */
typedef struct {
    const mutt_matcher_t *matcher;
    int severity;
    bool trap;
} conditions_t;


static bool
severity_fits(void *data, size_t rank)
{
    const conditions_t *c = data;
    int wanted = c->matcher->rules[rank].severity;

    return wanted == MUTT_SEVERITY_NONE || wanted == c->severity;
}


/* Where rule and event both have an OID, the OID decides alone. */
static bool
text_counts(void *data, size_t rank)
{
    const conditions_t *c = data;

    return severity_fits(data, rank) &&
           !(c->trap && c->matcher->rules[rank].trap_oid.len > 0);
}


const mutt_rule_t *
mutt_matcher_match(mutt_matcher_t *matcher, const mutt_match_input_t *input,
                   mutt_match_report_t report, void *data)
{
    conditions_t c = { .matcher = matcher, .severity = input->severity };
    size_t best = MUTT_RANK_NONE;
    mutt_oid_t oid;

    c.trap =
        input->trap_oid.len > 0 && mutt_oid_parse(input->trap_oid, false, &oid);

    if (c.trap) {
        best = mutt_oid_matcher_match(matcher->oids, &oid, best, severity_fits,
                                      &c);
    }

    best = mutt_text_matcher_match(matcher->text, input->message, best,
                                   text_counts, &c, report, data);

    return best == MUTT_RANK_NONE ? NULL : &matcher->rules[best];
}
