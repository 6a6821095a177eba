/*
 * Hyperscan finds which of thousands of patterns occur in one pass, but not
 * every pattern of PCRE2's language is one of Hyperscan's; the rest are
 * tried one by one by PCRE2, which backtracks, so under limits.
 */

#define PCRE2_CODE_UNIT_WIDTH 8

#include "mutt_match_text.h"

#include <stdio.h>
#include <stdlib.h>

#include <hs.h>
#include <pcre2.h>

#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 1000
#define HEAP_LIMIT_KIB 1024

#define HS_FLAGS                                                               \
    (HS_FLAG_CASELESS | HS_FLAG_UTF8 | HS_FLAG_UCP | HS_FLAG_SINGLEMATCH |     \
     HS_FLAG_ALLOWEMPTY)

/* a pattern that goes on hitting limits is not tried again */
#define STRIKES_MAX 10

typedef struct {
    size_t rank;
    int32_t rule_id;
    pcre2_code *code;
    unsigned strikes;
} slow_t;

struct mutt_text_matcher_s {
    hs_database_t *database;
    hs_scratch_t *scratch;
    size_t *ranks; /* of the database's pattern ids */
    slow_t *slow;  /* by rank */
    size_t n_slow;
    pcre2_match_data *match_data;
    pcre2_match_context *context;
};


/* The pattern as Hyperscan and PCRE2 both read it; the caller frees it. */
static char *
pattern_text(const mutt_text_pattern_t *p)
{
    static const char special[] = "\\^$.|?*+()[]{}#/-";
    char *text = malloc(p->text.len * 2 + 1);
    char *out = text;

    if (text == NULL) {
        return NULL;
    }

    for (size_t i = 0; i < p->text.len; i++) {
        char c = p->text.data[i];

        if (!p->regex && c != '\0' && strchr(special, c) != NULL) {
            *out++ = '\\';
        }

        *out++ = c;
    }

    *out = '\0';

    return text;
}


static pcre2_code *
compile_slow(const char *text, size_t len, mutt_err_t *err)
{
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR) text, len,
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS |
                                         PCRE2_NEVER_BACKSLASH_C,
                                     &error, &offset, NULL);

    if (code == NULL) {
        char why[128];

        (void) pcre2_get_error_message(error, (PCRE2_UCHAR *) why, sizeof(why));
        (void) mutt_fail(err, MUTT_INVALID, "%s at offset %zu", why,
                         (size_t) offset);
    }

    return code;
}


/* Whether Hyperscan takes the pattern; where it does, it means what PCRE2
 * means by it. */
static bool
fast_enough(const char *text)
{
    hs_compile_error_t *error = NULL;
    hs_expr_info_t *info = NULL;
    bool fast = hs_expression_info(text, HS_FLAGS, &info, &error) == HS_SUCCESS;

    free(info);
    (void) hs_free_compile_error(error);

    return fast;
}


/* Patterns on their way into the database. */
typedef struct {
    const char **texts;
    char **owned;
    unsigned *flags;
    unsigned *ids;
    size_t n;
} fast_t;


static void
free_fast(fast_t *fast)
{
    for (size_t i = 0; fast->owned != NULL && i < fast->n; i++) {
        free(fast->owned[i]);
    }

    free(fast->owned);
    free(fast->texts);
    free(fast->flags);
    free(fast->ids);
}


static mutt_rc_t
add_slow(mutt_text_matcher_t *m, const mutt_text_pattern_t *p, const char *text,
         mutt_match_report_t report, void *data)
{
    mutt_err_t why;
    pcre2_code *code = compile_slow(text, strlen(text), &why);

    if (code == NULL) {
        report(data, p->rule_id, why.text);
        return MUTT_INVALID;
    }

    /* without JIT it is slower, not wrong */
    (void) pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);

    m->slow[m->n_slow++] =
        (slow_t) { .rank = p->rank, .rule_id = p->rule_id, .code = code };

    return MUTT_OK;
}


static mutt_rc_t
add_pattern(mutt_text_matcher_t *m, const mutt_text_pattern_t *p, fast_t *fast,
            mutt_match_report_t report, void *data, mutt_err_t *err)
{
    char *text = pattern_text(p);

    if (text == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a pattern");
    }

    /* what PCRE2 would refuse is no rule, whatever Hyperscan says */
    pcre2_code *code = NULL;

    if (p->regex) {
        mutt_err_t why;

        code = compile_slow(text, strlen(text), &why);

        if (code == NULL) {
            report(data, p->rule_id, why.text);
            free(text);
            return MUTT_OK;
        }
    }

    if (!fast_enough(text)) {
        pcre2_code_free(code);
        (void) add_slow(m, p, text, report, data);
        free(text);
        return MUTT_OK;
    }

    pcre2_code_free(code);

    fast->texts[fast->n] = text;
    fast->owned[fast->n] = text;
    fast->flags[fast->n] = HS_FLAGS;
    fast->ids[fast->n] = (unsigned) fast->n;
    m->ranks[fast->n] = p->rank;
    fast->n++;

    return MUTT_OK;
}


static mutt_rc_t
build_database(mutt_text_matcher_t *m, const fast_t *fast, mutt_err_t *err)
{
    hs_compile_error_t *error = NULL;

    if (fast->n == 0) {
        return MUTT_OK;
    }

    if (hs_compile_multi(fast->texts, fast->flags, fast->ids,
                         (unsigned) fast->n, HS_MODE_BLOCK, NULL, &m->database,
                         &error) != HS_SUCCESS) {
        mutt_rc_t rc = mutt_fail(err, MUTT_INVALID, "pattern database: %.200s",
                                 error->message);

        (void) hs_free_compile_error(error);
        return rc;
    }

    if (hs_alloc_scratch(m->database, &m->scratch) != HS_SUCCESS) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a scan");
    }

    return MUTT_OK;
}


static mutt_rc_t
build(mutt_text_matcher_t *m, const mutt_text_pattern_t *patterns, size_t n,
      mutt_match_report_t report, void *data, fast_t *fast, mutt_err_t *err)
{
    m->match_data = pcre2_match_data_create(1, NULL);
    m->context = pcre2_match_context_create(NULL);

    if (m->ranks == NULL || m->slow == NULL || m->match_data == NULL ||
        m->context == NULL || fast->texts == NULL || fast->owned == NULL ||
        fast->flags == NULL || fast->ids == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a matcher");
    }

    (void) pcre2_set_match_limit(m->context, MATCH_LIMIT);
    (void) pcre2_set_depth_limit(m->context, DEPTH_LIMIT);
    (void) pcre2_set_heap_limit(m->context, HEAP_LIMIT_KIB);

    for (size_t i = 0; i < n; i++) {
        mutt_rc_t rc = add_pattern(m, &patterns[i], fast, report, data, err);

        if (rc != MUTT_OK) {
            return rc;
        }
    }

    return build_database(m, fast, err);
}


mutt_rc_t
mutt_text_matcher_create(const mutt_text_pattern_t *patterns, size_t n,
                         mutt_match_report_t report, void *data,
                         mutt_text_matcher_t **matcher, mutt_err_t *err)
{
    mutt_text_matcher_t *m = calloc(1, sizeof(mutt_text_matcher_t));

    if (m == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a matcher");
    }

    fast_t fast = {
        .texts = calloc(n + 1, sizeof(char *)),
        .owned = calloc(n + 1, sizeof(char *)),
        .flags = calloc(n + 1, sizeof(unsigned)),
        .ids = calloc(n + 1, sizeof(unsigned)),
    };

    m->ranks = calloc(n + 1, sizeof(size_t));
    m->slow = calloc(n + 1, sizeof(slow_t));

    mutt_rc_t rc = build(m, patterns, n, report, data, &fast, err);

    free_fast(&fast);

    if (rc != MUTT_OK) {
        mutt_text_matcher_destroy(m);
        return rc;
    }

    *matcher = m;

    return MUTT_OK;
}


void
mutt_text_matcher_destroy(mutt_text_matcher_t *matcher)
{
    if (matcher == NULL) {
        return;
    }

    for (size_t i = 0; i < matcher->n_slow; i++) {
        pcre2_code_free(matcher->slow[i].code);
    }

    (void) hs_free_scratch(matcher->scratch);
    (void) hs_free_database(matcher->database);
    pcre2_match_data_free(matcher->match_data);
    pcre2_match_context_free(matcher->context);
    free(matcher->ranks);
    free(matcher->slow);
    free(matcher);
}


/* One scan on its way through the patterns that occur. */
typedef struct {
    const mutt_text_matcher_t *matcher;
    size_t best;
    mutt_rank_filter_t filter;
    void *filter_data;
} scan_t;


static int
on_match(unsigned id, unsigned long long from, unsigned long long to,
         unsigned flags, void *context)
{
    scan_t *scan = context;
    size_t rank = scan->matcher->ranks[id];

    (void) from;
    (void) to;
    (void) flags;

    if (rank < scan->best && scan->filter(scan->filter_data, rank)) {
        scan->best = rank;
    }

    return 0;
}


static bool
matches_slowly(mutt_text_matcher_t *m, slow_t *slow, mutt_str_t text,
               mutt_match_report_t report, void *data)
{
    if (slow->strikes >= STRIKES_MAX) {
        return false;
    }

    int rc = pcre2_match(slow->code, (PCRE2_SPTR) text.data, text.len, 0,
                         PCRE2_NO_UTF_CHECK, m->match_data, m->context);

    if (rc >= 0) {
        return true;
    }

    if (rc != PCRE2_ERROR_NOMATCH) {
        slow->strikes++;
        report(data, slow->rule_id,
               slow->strikes < STRIKES_MAX
                   ? "pattern hit a limit, taken as no match"
                   : "pattern hit limits too often and is switched off");
    }

    return false;
}


size_t
mutt_text_matcher_match(mutt_text_matcher_t *matcher, mutt_str_t text,
                        size_t best, mutt_rank_filter_t filter,
                        void *filter_data, mutt_match_report_t report,
                        void *data)
{
    scan_t scan = { .matcher = matcher,
                    .best = best,
                    .filter = filter,
                    .filter_data = filter_data };

    if (matcher->database != NULL) {
        (void) hs_scan(matcher->database, text.data, (unsigned) text.len, 0,
                       matcher->scratch, on_match, &scan);
    }

    for (size_t i = 0; i < matcher->n_slow; i++) {
        slow_t *slow = &matcher->slow[i];

        if (slow->rank >= scan.best) {
            break;
        }

        if (filter(filter_data, slow->rank) &&
            matches_slowly(matcher, slow, text, report, data)) {
            scan.best = slow->rank;
        }
    }

    return scan.best;
}


mutt_rc_t
mutt_match_check(mutt_match_type_t type, mutt_str_t pattern, mutt_err_t *err)
{
    if (type != MUTT_MATCH_REGEX) {
        return MUTT_OK;
    }

    pcre2_code *code = compile_slow(pattern.data, pattern.len, err);

    if (code == NULL) {
        return MUTT_INVALID;
    }

    pcre2_code_free(code);

    return MUTT_OK;
}
