/*
 * Matching alone, against a linear scan by PCRE2's JIT.
 *
 *     match RULES
 *
 * 70 of 100 rules are texts, 25 regular expressions, 5 OIDs; two thirds of
 * the messages match one.  Prints CPU microseconds an event of both, the CPU
 * seconds in which the rules were compiled, how many of 100 events matched,
 * and then for messages that are not ASCII: microseconds an event until what
 * they need was built behind, its CPU seconds, microseconds an event from then
 * on.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "domain/mutt_match.h"

#define EVENTS 3000
#define TEXT 256

/* a measurement lasts at least so long */
#define CPU_NS 400000000ULL

typedef struct {
    char rule[TEXT];
    char message[TEXT]; /* matches it */
    mutt_match_type_t type;
} sample_t;

typedef struct {
    char text[2 * TEXT];
    mutt_str_t message;
    char oid_text[TEXT];
    mutt_str_t oid;
} event_t;

static uint64_t seed = 88172645463325252ULL;
static sample_t *samples;
static mutt_rule_t *rules;
static event_t events[EVENTS];
static pcre2_code **patterns;
static pcre2_match_data *match_data;
static size_t n_rules;


static unsigned
any(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (unsigned) (seed >> 33) % below;
}


static uint64_t
cpu_ns(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);

    return (uint64_t) t.tv_sec * 1000000000ULL + (uint64_t) t.tv_nsec;
}


static void
fail(const char *what)
{
    (void) fprintf(stderr, "match: %s\n", what);
    exit(1);
}


static void
make_text(sample_t *s, unsigned i)
{
    unsigned unit = any(48);

    s->type = MUTT_MATCH_CONTAINS;

    switch (i % 5) {
    case 0:
        (void) snprintf(s->rule, TEXT, "link down: GigabitEthernet%u/0/%u", i,
                        unit);
        break;
    case 1:
        (void) snprintf(s->rule, TEXT, "BGP-5-ADJCHANGE: neighbor 10.%u.%u.1",
                        i, unit);
        break;
    case 2:
        (void) snprintf(s->rule, TEXT, "fan tray %u failure on module %u", i,
                        unit);
        break;
    case 3:
        (void) snprintf(s->rule, TEXT, "exceeded by sensor %u on slot %u", i,
                        unit);
        break;
    default:
        (void) snprintf(s->rule, TEXT, "tunnel %u to site-%u unreachable", i,
                        unit);
    }

    memcpy(s->message, s->rule, TEXT);
}


static void
make_regex(sample_t *s, unsigned i)
{
    unsigned unit = any(48);

    s->type = MUTT_MATCH_REGEX;

    switch (i % 4) {
    case 0:
        (void) snprintf(s->rule, TEXT, "line-%u (proto\\w+) .*(down|flap)", i);
        (void) snprintf(s->message, TEXT, "line-%u protocol went down", i);
        break;
    case 1:
        (void) snprintf(s->rule, TEXT, "peer 172\\.16\\.%u\\.\\d+ (reset|lost)",
                        i);
        (void) snprintf(s->message, TEXT, "peer 172.16.%u.%u reset", i, unit);
        break;
    case 2:
        (void) snprintf(s->rule, TEXT, "psu-%u: voltage [0-9]+\\.[0-9]+ V", i);
        (void) snprintf(s->message, TEXT, "psu-%u: voltage 11.%u V", i, unit);
        break;
    default:
        (void) snprintf(s->rule, TEXT, "(auth|login) failure.* user ops%u\\b",
                        i);
        (void) snprintf(s->message, TEXT, "login failure for user ops%u", i);
    }
}


static void
make_oid(sample_t *s, unsigned i)
{
    unsigned unit = any(9);

    s->type = MUTT_MATCH_OID_PREFIX;
    (void) snprintf(s->rule, TEXT, "1.3.6.1.4.1.%u.%u", 1000 + i, unit);
    (void) snprintf(s->message, TEXT, "1.3.6.1.4.1.%u.%u.7.%u", 1000 + i, unit,
                    any(100));
}


static void
make_rules(void)
{
    samples = calloc(n_rules, sizeof(sample_t));
    rules = calloc(n_rules, sizeof(mutt_rule_t));

    if (samples == NULL || rules == NULL) {
        fail("out of memory");
    }

    for (unsigned i = 0; i < n_rules; i++) {
        sample_t *s = &samples[i];
        unsigned kind = i % 20;

        if (kind < 14) {
            make_text(s, i);
        } else if (kind < 19) {
            make_regex(s, i);
        } else {
            make_oid(s, i);
        }

        rules[i] = (mutt_rule_t) {
            .id = (int32_t) i + 1,
            .priority = (int32_t) any(1000),
            .severity = MUTT_SEVERITY_NONE,
            .type = s->type,
            .team = MUTT_STR("NETO"),
        };

        if (s->type == MUTT_MATCH_OID_PREFIX) {
            rules[i].trap_oid = mutt_str(s->rule);
        } else {
            rules[i].match_string = mutt_str(s->rule);
        }
    }
}


static void
make_events(void)
{
    for (size_t i = 0; i < EVENTS; i++) {
        const sample_t *s = &samples[any((unsigned) n_rules)];
        event_t *e = &events[i];
        const char *what = "session opened, nothing to report";

        if (i % 3 != 0 && s->type == MUTT_MATCH_OID_PREFIX) {
            memcpy(e->oid_text, s->message, TEXT);
        } else if (i % 3 != 0) {
            what = s->message;
        }

        (void) snprintf(e->text, sizeof(e->text),
                        "Nov 20 10:%02u:%02u core-router-%u.example.net "
                        "%%SYS-5-NOTICE: unit %u: %s, reason carrier, counters "
                        "cleared by operator, last flap 00:03:17 ago",
                        any(60), any(60), any(500), any(9), what);
        e->message = mutt_str(e->text);
        e->oid = mutt_str(e->oid_text);
    }
}


static void
ignore(void *data, int32_t rule_id, const char *why)
{
    (void) data;
    (void) rule_id;
    fail(why);
}


static double
build(mutt_matcher_t **matcher)
{
    mutt_err_t err;
    uint64_t began = cpu_ns();

    if (mutt_matcher_create(rules, n_rules, ignore, NULL, matcher, &err) !=
        MUTT_OK) {
        fail(err.text);
    }

    return (double) (cpu_ns() - began) / 1e9;
}


static size_t
match_all(mutt_matcher_t *matcher)
{
    size_t matched = 0;

    for (size_t i = 0; i < EVENTS; i++) {
        mutt_match_input_t input = {
            .message = events[i].message,
            .trap_oid = events[i].oid,
            .severity = MUTT_SEVERITY_NONE,
        };

        matched += mutt_matcher_match(matcher, &input, ignore, NULL) != NULL;
    }

    return matched;
}


static double
us_an_event(mutt_matcher_t *matcher)
{
    size_t turns = 0;
    uint64_t began = cpu_ns();
    uint64_t took;

    do {
        (void) match_all(matcher);
        turns++;
        took = cpu_ns() - began;
    } while (took < CPU_NS);

    return (double) took / 1e3 / (double) (turns * EVENTS);
}


/* In what the matcher still lacks, if anything; in CPU seconds. */
static double
build_wide(mutt_matcher_t *matcher)
{
    mutt_wide_t *wide = mutt_matcher_wide(matcher);
    uint64_t began = cpu_ns();

    if (wide != NULL) {
        mutt_wide_build(wide);
        mutt_wide_release(wide);
    }

    return (double) (cpu_ns() - began) / 1e9;
}


static int
by_rank(const void *a, const void *b)
{
    const mutt_rule_t *x = a;
    const mutt_rule_t *y = b;

    return x->priority != y->priority ? x->priority - y->priority
                                      : x->id - y->id;
}


static void
compile_patterns(void)
{
    mutt_rule_t *sorted = malloc(n_rules * sizeof(mutt_rule_t));

    patterns = calloc(n_rules, sizeof(pcre2_code *));
    match_data = pcre2_match_data_create(8, NULL);

    if (sorted == NULL || patterns == NULL || match_data == NULL) {
        fail("out of memory");
    }

    memcpy(sorted, rules, n_rules * sizeof(mutt_rule_t));
    qsort(sorted, n_rules, sizeof(mutt_rule_t), by_rank);

    for (size_t i = 0; i < n_rules; i++) {
        int error;
        PCRE2_SIZE offset;
        uint32_t options = PCRE2_CASELESS | PCRE2_UTF;

        if (sorted[i].type == MUTT_MATCH_OID_PREFIX) {
            continue;
        }

        if (sorted[i].type == MUTT_MATCH_CONTAINS) {
            options |= PCRE2_LITERAL;
        }

        patterns[i] = pcre2_compile((PCRE2_SPTR) sorted[i].match_string.data,
                                    sorted[i].match_string.len, options, &error,
                                    &offset, NULL);

        if (patterns[i] == NULL ||
            pcre2_jit_compile(patterns[i], PCRE2_JIT_COMPLETE) != 0) {
            fail("a pattern does not compile");
        }
    }

    free(sorted);
}


/* The linear scan: every pattern in turn, until one matches. */
static size_t
scan(size_t n)
{
    size_t matched = 0;

    for (size_t i = 0; i < n; i++) {
        const event_t *e = &events[i];
        for (size_t k = 0; k < n_rules; k++) {
            if (patterns[k] != NULL &&
                pcre2_jit_match(patterns[k], (PCRE2_SPTR) e->message.data,
                                e->message.len, 0, 0,
                                match_data, NULL) > 0) {
                matched++;
                break;
            }
        }
    }

    return matched;
}


int
main(int argc, char **argv)
{
    mutt_matcher_t *matcher;

    n_rules = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

    if (n_rules == 0 || n_rules > 100000) {
        fail("usage: match RULES");
    }

    make_rules();
    make_events();

    double built = build(&matcher);
    size_t matched = match_all(matcher);
    double mutt_us = us_an_event(matcher);
    size_t some = n_rules > 1000 ? EVENTS / 10 : EVENTS;

    compile_patterns();

    uint64_t began = cpu_ns();

    (void) scan(some);

    (void) printf("%.3f %.3f %.3f %.0f", mutt_us,
                  (double) (cpu_ns() - began) / 1e3 / (double) some, built,
                  100.0 * (double) matched / EVENTS);

    for (size_t i = 0; i < EVENTS; i++) {
        strcat(events[i].text, " \xc3\xa9t\xc3\xa9");
        events[i].message = mutt_str(events[i].text);
    }

    (void) printf(" %.3f", us_an_event(matcher));
    (void) printf(" %.3f", build_wide(matcher));
    (void) printf(" %.3f\n", us_an_event(matcher));
    mutt_matcher_destroy(matcher);

    return 0;
}
