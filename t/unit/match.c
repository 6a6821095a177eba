/* Which rule wins; CONTRACT 5.1. */

#include "unit.h"

#include "core/mutt_utf8.h"
#include "domain/mutt_match.h"
#include "domain/mutt_match_literal.h"
#include "domain/mutt_regex.h"
#include "domain/mutt_trial.h"

#define RULES 5
#define ANY MUTT_SEVERITY_NONE
#define MANY 3000
#define PATTERNS 500
#define ALIKE 400

/*
 * Rules are written as "p=10 s=4 oid=1.3 text": priority (100 unless given),
 * severity, OID, and what to look for: "~" in front of a regex, "=" in front
 * of what an oid_prefix rule has besides.
 */

typedef struct {
    const char *promise;
    const char *rules[RULES]; /* of ids 1, 2 ... */
    const char *message;
    const char *oid;
    int severity;
    int winner; /* 0: none */
} row_t;

static const row_t rows[] = {
    { "contains finds its text", { "link" }, "a link b", "", ANY, 1 },
    { "in any case", { "LiNk" }, "a lInK b", "", ANY, 1 },
    { "also where a letter of it is no ASCII",
      { "kiss" },
      "xx \xe2\x84\xaa"
      "iS\xc5\xbf \xc3\xbc",
      "",
      ANY,
      1 },
    { "but not where it only looks like one", /* a long s with a stroke */
      { "kiss" },
      "\xe2\x84\xaa"
      "is\xe1\xba\x9c",
      "",
      ANY,
      0 },
    { "also of letters beyond ASCII",
      { "\xc3\x9c"
        "BER" },
      "\xc3\xbc"
      "ber",
      "",
      ANY,
      1 },
    { "and of letters with a newer case", /* Georgian */
      { "\xe1\x83\x90" },
      "x\xe1\xb2\x90y",
      "",
      ANY,
      1 },
    { "and a regex of such letters does",
      { "~x\xe1\x83\x90" },
      "x\xe1\xb2\x90y",
      "",
      ANY,
      1 },
    { "contains knows no special characters", { "a.b" }, "axb", "", ANY, 0 },
    { "not even all at once",
      { "\\^$.|?*+()[]{}#/-\"'&<> a" },
      "- \\^$.|?*+()[]{}#/-\"'&<> A -",
      "",
      ANY,
      1 },
    { "what is not there is no match", { "down" }, "link up", "", ANY, 0 },
    { "a lower priority wins",
      { "p=20 link", "p=10 down" },
      "link down",
      "",
      ANY,
      2 },
    { "of equal priorities the lower id",
      { "down", "link" },
      "link down",
      "",
      ANY,
      1 },
    { "whatever the engine",
      { "~\\bdown\\b", "down" },
      "link down",
      "",
      ANY,
      1 },
    { "and the other way round",
      { "down", "~\\bdown\\b" },
      "link down",
      "",
      ANY,
      1 },
    { "regex is unanchored and caseless",
      { "~l.nk +D" },
      "a LINK  down",
      "",
      ANY,
      1 },
    { "regex may anchor itself", { "~^down$" }, "link down", "", ANY, 0 },
    { "word boundaries", { "~\\bdown\\b" }, "downs", "", ANY, 0 },
    { "back-references", { "~(ab)x\\1" }, "abxab", "", ANY, 1 },
    { "back-references that fail", { "~(ab)x\\1" }, "abxba", "", ANY, 0 },
    { "look-ahead", { "~foo(?=bar)" }, "foobar", "", ANY, 1 },
    { "look-ahead that fails", { "~foo(?=bar)" }, "foobaz", "", ANY, 0 },
    { "recursion", { "~^(\\((?1)*\\))$" }, "(()())", "", ANY, 1 },
    { "a property of letters", { "~^\\p{Lu}$" }, "\xc3\x84", "", ANY, 1 },
    { "a pattern too large for Hyperscan",
      { "~x.{5000}y", "link" },
      "a link",
      "",
      ANY,
      2 },
    { "a pattern that does not compile is left out",
      { "~(", "link" },
      "(link",
      "",
      ANY,
      2 },
    { "a catastrophic pattern is as good as any",
      { "~(a+)+$" },
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
      "",
      ANY,
      0 },
    { "the empty pattern is in everything", { "~x*" }, "a", "", ANY, 1 },

    { "a severity is matched", { "s=4 a" }, "a", "", 4, 1 },
    { "another is not", { "s=4 a" }, "a", "", 3, 0 },
    { "none is not either", { "s=4 a" }, "a", "", ANY, 0 },
    { "severity 0 is a severity", { "s=0 a" }, "a", "", 0, 1 },
    { "a rule without one takes any", { "a" }, "a", "", 7, 1 },
    { "rules of one text differ by severity",
      { "s=0 a", "s=4 a", "a" },
      "a",
      "",
      4,
      2 },
    { "and fall back to the one for all",
      { "s=0 a", "s=4 a", "a" },
      "a",
      "",
      6,
      3 },
    { "unless that one stands first", { "a", "s=4 a" }, "a", "", 4, 1 },
    { "severity counts for traps",
      { "s=2 oid=1.3", "s=4 oid=1.3" },
      "m",
      "1.3.6",
      4,
      2 },

    { "an OID is a prefix", { "oid=1.3.6.1" }, "m", "1.3.6.1.4", ANY, 1 },
    { "and may be the whole", { "oid=1.3.6.1" }, "m", "1.3.6.1", ANY, 1 },
    { "an OID ends between two numbers, not inside one",
      { "oid=1.3.6.1" },
      "m",
      "1.3.6.10",
      ANY,
      0 },
    { "a longer OID is no prefix",
      { "oid=1.3.6.1.4" },
      "m",
      "1.3.6.1",
      ANY,
      0 },
    { "dots in front and stars behind say nothing",
      { "oid=.1.3.6.*" },
      "m",
      ".1.3.6.1",
      ANY,
      1 },
    { "the lowest priority wins, not the longest prefix",
      { "p=20 oid=1.3.6.1.4.1", "p=10 oid=1.3" },
      "m",
      "1.3.6.1.4.1.9",
      ANY,
      2 },
    { "a prefix beside longer ones is found",
      { "oid=1.3.6.1.9", "oid=1.3.6", "oid=1.3.6.1.4.1" },
      "m",
      "1.3.6.1.4.2",
      ANY,
      2 },
    { "arcs up to 2^32 - 1",
      { "oid=1.4294967295" },
      "m",
      "1.4294967295.1",
      ANY,
      1 },
    { "an OID needs a trap", { "oid=1.3" }, "1.3", "", ANY, 0 },
    { "a trap is matched by text too", { "down" }, "down", "1.3.6", ANY, 1 },
    { "where both have an OID, text is not tried",
      { "oid=1.4 down" },
      "down",
      "1.3.6",
      ANY,
      0 },
    { "and not needed", { "oid=1.3 down" }, "up", "1.3.6", ANY, 1 },
    { "without a trap the text of such a rule counts",
      { "oid=1.4 down" },
      "down",
      "",
      ANY,
      1 },
    { "text and OID compete by priority",
      { "p=20 down", "p=10 oid=1.3" },
      "down",
      "1.3.6",
      ANY,
      2 },
    { "a rule for OIDs alone has no text",
      { "oid=1.3 =down" },
      "down",
      "",
      ANY,
      0 },
    { "a bad OID leaves the rule out",
      { "oid=1..3 down" },
      "down",
      "",
      ANY,
      0 },
};

/* What was reported last, and how often. */
static struct {
    int32_t rule;
    unsigned times;
} reported;


static void
report(void *data, int32_t rule_id, const char *why)
{
    (void) data;
    (void) why;
    reported.rule = rule_id;
    reported.times++;
}


/* Whether text opens with name; moves behind it. */
static bool
opens(const char **text, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(*text, name, len) != 0) {
        return false;
    }

    *text += len;

    return true;
}


static mutt_rule_t
rule_of(const char *text, int32_t id)
{
    mutt_rule_t rule = { .id = id,
                         .priority = 100,
                         .severity = ANY,
                         .trap_oid = MUTT_STR(""),
                         .team = MUTT_STR("NETO") };
    char *end;

    if (opens(&text, "p=")) {
        rule.priority = (int32_t) strtol(text, &end, 10);
        text = end + (*end == ' ');
    }

    if (opens(&text, "s=")) {
        rule.severity = (int) strtol(text, &end, 10);
        text = end + (*end == ' ');
    }

    if (opens(&text, "oid=")) {
        rule.trap_oid = (mutt_str_t) { text, strcspn(text, " ") };
        text += rule.trap_oid.len;
        text += *text == ' ';
    }

    rule.type = opens(&text, "~")                      ? MUTT_MATCH_REGEX
                : opens(&text, "=") || text[0] == '\0' ? MUTT_MATCH_OID_PREFIX
                                                       : MUTT_MATCH_CONTAINS;
    rule.match_string = mutt_str(text);

    return rule;
}


static mutt_matcher_t *
matcher_of(const mutt_rule_t *rules, size_t n)
{
    mutt_matcher_t *matcher;
    mutt_err_t err;

    if (mutt_matcher_create(rules, n, report, NULL, &matcher, &err) !=
        MUTT_OK) {
        fail_msg("%s", err.text);
    }

    return matcher;
}


static int32_t
winner(mutt_matcher_t *matcher, mutt_str_t message, const char *oid,
       int severity)
{
    mutt_match_input_t input = { .message = message,
                                 .trap_oid = mutt_str(oid),
                                 .severity = severity };
    const mutt_rule_t *rule = mutt_matcher_match(matcher, &input, report, NULL);

    return rule == NULL ? 0 : rule->id;
}


/* The winner by trials of each rule alone. */
static int32_t
winner_of_trials(const mutt_rule_t *rules, size_t n, const row_t *row)
{
    mutt_match_input_t input = { mutt_str(row->message), mutt_str(row->oid),
                                 row->severity };
    const mutt_rule_t *best = NULL;

    for (size_t i = 0; i < n; i++) {
        mutt_trial_t *trial = mutt_trial_create(&rules[i]);

        assert_non_null(trial);

        if (mutt_trial(trial, &input) == MUTT_TRIAL_MATCH &&
            (best == NULL || rules[i].priority < best->priority)) {
            best = &rules[i];
        }

        mutt_trial_destroy(trial);
    }

    return best == NULL ? 0 : best->id;
}


static void
the_right_rule_wins(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_rule_t rules[RULES];
        size_t n = 0;

        while (n < RULES && (rows[i].rules[n] != NULL)) {
            rules[n] = rule_of(rows[i].rules[n], (int32_t) n + 1);
            n++;
        }

        mutt_matcher_t *matcher = matcher_of(rules, n);
        int32_t id = winner(matcher, mutt_str(rows[i].message), rows[i].oid,
                            rows[i].severity);

        if (id != rows[i].winner) {
            fail_msg("%s: rule %d instead of %d", rows[i].promise, id,
                     rows[i].winner);
        }

        mutt_matcher_destroy(matcher);

        id = winner_of_trials(rules, n, &rows[i]);

        if (id != rows[i].winner) {
            fail_msg("%s: one by one, rule %d instead of %d", rows[i].promise,
                     id, rows[i].winner);
        }
    }
}


static void
no_rules_match_nothing(void **state)
{
    mutt_matcher_t *matcher = matcher_of(NULL, 0);

    (void) state;
    assert_int_equal(winner(matcher, MUTT_STR("a"), "1.3", 3), 0);
    assert_int_equal(mutt_matcher_count(matcher), 0);
    mutt_matcher_destroy(matcher);
}


static void
a_rule_that_cannot_be_used_is_named(void **state)
{
    static const char *const bad[] = {
        "~(", "~a\\Cb", "", "=x", "oid=1..2 a", "oid=x", "s=8 a",
    };

    (void) state;

    for (size_t i = 0; i < COUNT(bad); i++) {
        mutt_rule_t rules[] = { rule_of(bad[i], 7), rule_of("ok", 8) };

        reported.times = 0;

        mutt_matcher_t *matcher = matcher_of(rules, 2);

        assert_int_equal(reported.times, 1);
        assert_int_equal(reported.rule, 7);
        assert_int_equal(mutt_matcher_count(matcher), 1);
        assert_int_equal(winner(matcher, MUTT_STR("ok"), "", ANY), 8);
        mutt_matcher_destroy(matcher);
    }
}


/* Costly where Hyperscan can't help: each candidate backtracks. */
static void
a_pattern_that_goes_on_hitting_limits_is_switched_off(void **state)
{
    const mutt_rule_t rules[] = {
        rule_of("~^(a+)+(?<!x)$", 1),
        rule_of("~\\bend", 2),
    };
    char text[200];
    mutt_matcher_t *matcher = matcher_of(rules, 2);

    (void) state;
    memset(text, 'a', sizeof(text));
    memcpy(text + sizeof(text) - 5, "a end", 5);

    /* make it a candidate: it may end in a line feed, but does not match */
    mutt_str_t message = { text, sizeof(text) };

    reported.times = 0;

    for (int i = 0; i < 20; i++) {
        assert_int_equal(winner(matcher, message, "", ANY), 2);
    }

    unsigned times = reported.times;

    assert_true(times == 0 || times == 10);
    mutt_matcher_forgive(matcher);
    assert_int_equal(winner(matcher, message, "", ANY), 2);
    assert_int_equal(reported.times, times == 0 ? 0 : 11);
    mutt_matcher_destroy(matcher);
}


/* What Hyperscan reads need not wait for PCRE2, which gives up. */
static void
a_pattern_that_hits_limits_is_left_to_hyperscan(void **state)
{
    static const char *const tails[] = { "b marker", "b m\xc3\xa4rker marker" };
    const mutt_rule_t rules[] = { rule_of("~^(a+)+b.* ?marker$", 1) };
    mutt_matcher_t *matcher = matcher_of(rules, 1);
    char text[200];

    (void) state;
    reported.times = 0;

    for (size_t k = 0; k < 2; k++) {
        for (int i = 0; i < 20; i++) {
            memset(text, 'a', 100);
            strcpy(text + 100, tails[k]);
            assert_int_equal(winner(matcher, mutt_str(text), "", ANY), 1);
            text[100] = 'c';
            assert_int_equal(winner(matcher, mutt_str(text), "", ANY), 0);
        }
    }

    assert_int_equal(reported.times, 0);
    mutt_matcher_destroy(matcher);
}


static uint32_t seed = 20261120;


static uint32_t
pick(size_t n)
{
    seed = seed * 1664525u + 1013904223u;

    return (seed >> 8) % (uint32_t) n;
}


static size_t
put_utf8(char *out, uint32_t cp)
{
    if (cp < 0x80) {
        out[0] = (char) cp;
        return 1;
    }

    if (cp < 0x800) {
        out[0] = (char) (0xC0 | cp >> 6);
        out[1] = (char) (0x80 | (cp & 63));
        return 2;
    }

    if (cp < 0x10000) {
        out[0] = (char) (0xE0 | cp >> 12);
        out[1] = (char) (0x80 | (cp >> 6 & 63));
        out[2] = (char) (0x80 | (cp & 63));
        return 3;
    }

    out[0] = (char) (0xF0 | cp >> 18);
    out[1] = (char) (0x80 | (cp >> 12 & 63));
    out[2] = (char) (0x80 | (cp >> 6 & 63));
    out[3] = (char) (0x80 | (cp & 63));

    return 4;
}


static void
build_wide(mutt_matcher_t *matcher)
{
    mutt_wide_t *wide = mutt_matcher_wide(matcher);

    if (wide != NULL) {
        mutt_wide_build(wide);
        mutt_wide_release(wide);
    }
}


/*
 * A pattern of pieces that engines read differently, if any.  Whatever is
 * chosen to look for it must find what PCRE2 finds.
 */
static void
all_engines_mean_the_same(void **state)
{
    static const char *const pieces[] = {
        "a",
        "b",
        "A",
        "k",
        "s",
        "\xc3\xa9",
        "1",
        " ",
        "\\n",
        "\\s",
        "\\S",
        "\\w",
        "\\W",
        "\\d",
        "\\D",
        "\\b",
        "\\B",
        "^",
        "$",
        "\\A",
        "\\z",
        "\\Z",
        ".",
        "[ab]",
        "[^a]",
        "[a-k]",
        "(a|b)",
        "(?-i)",
        "(?s)",
        "(?m)",
        "(?x)",
        "(?:a|)",
        "\\x41",
        "\\h",
        "\\v",
        "\\101",
        "a{,2}",
        "\\Qa.b\\E",
        "(?=a)",
        "(?!b)",
        "(?<=a)",
        "(?<!b)",
        "(?>a+)",
        "(a)\\1",
        "a++",
        "\\R",
        "[]a]",
        "[[:alpha:]]",
        "[[:punct:]]",
        "[[:space:]]",
        "[^\\w]",
        "[\\w.-]",
        "[^\\S]",
        "\\xe9",
        "[^\\xe9]",
        "\\351",
        "[[:^digit:]]",
        "\\N",
        "\xe2\x84\xaa",
        "\xc3\x9f",
        "[^k]",
        "[\\W]",
        "\xe1\x83\x90",
        "[\xd0\xb2\xd0\xb3]",
        "kisk",
        "s1 kS",
        "ab\\.b",
        "a1b{2}",
        "kiss+",
        "(kiss|a)",
        "ask{0,1}1",
        "a\\x20kis",
    };
    static const char *const signs[] = { "",  "",   "",   "*",   "+",
                                         "?", "*?", "??", "{2}", "|" };
    static const char *const letters[] = {
        "a",
        "b",
        "A",
        "K",
        "k",
        "s",
        "S",
        "\xc3\xa9",
        "\xc3\x89",
        "1",
        " ",
        "\n",
        "\r",
        "_",
        "\xc5\xbf",
        "\xc3\x9f",
        ".",
        "\v",
        "a.b",
        "\xc2\x85",
        "\xc2\xa0",
        "\xe2\x80\xa8",
        "{",
        "\xf0\x9f\x98\x80",
        "\xe2\x84\xaa",

        "\xd0\x92",
        "kisk",
        "S1 ks",
        "ab.b",
        "a1bb",
        "kiss",
        "\xc5\xbf"
        "1 k\xc5\xbf",
        "ki\xc5\xbf\xe2\x84\xaa",
        "A kiS",
    };
    mutt_regex_scratch_t *scratch = mutt_regex_scratch_create();

    (void) state;
    assert_non_null(scratch);

    for (int i = 0; i < PATTERNS; i++) {
        char pattern[128] = "~";
        mutt_regex_t *regex;
        mutt_err_t err;

        for (uint32_t k = 1 + pick(5); k > 0; k--) {
            strcat(pattern, pieces[pick(COUNT(pieces))]);
            strcat(pattern, signs[pick(COUNT(signs))]);
        }

        if (mutt_regex_create(mutt_str(pattern + 1), &regex, &err) != MUTT_OK) {
            continue;
        }

        mutt_rule_t rule = rule_of(pattern, 1);
        mutt_matcher_t *matcher = matcher_of(&rule, 1);

        for (int t = 0; t < 30; t++) {
            char text[64] = "";
            bool ascii = t % 3 == 0;

            /* with the database that is built behind, and before */
            if (t == 15) {
                build_wide(matcher);
            }

            for (uint32_t k = 1 + pick(6); k > 0;) {
                const char *letter = letters[pick(COUNT(letters))];

                if (!ascii || letter[0] > 0) {
                    strcat(text, letter);
                    k--;
                }
            }

            bool found = winner(matcher, mutt_str(text), "", ANY) == 1;
            mutt_regex_result_t wanted =
                mutt_regex_match(regex, scratch, mutt_str(text));

            if (found != (wanted == MUTT_REGEX_YES)) {
                fail_msg("%s in \"%s\": %d", pattern + 1, text, found);
            }
        }

        mutt_matcher_destroy(matcher);
        mutt_regex_destroy(regex);
    }

    mutt_regex_scratch_destroy(scratch);
}


/* Every letter that the table knows, and a sample of the others. */
static void
contains_folds_as_regex_does(void **state)
{
    mutt_regex_scratch_t *scratch = mutt_regex_scratch_create();
    uint32_t forms[MUTT_CASE_MAX];
    size_t newer = 0;

    (void) state;

    for (uint32_t cp = 0x20; cp < 0x1F000; cp++) {
        size_t n = mutt_case_newer(cp, forms);
        char letter[5] = "";
        mutt_regex_t *regex;
        mutt_err_t err;

        if ((cp >= 0xD800 && cp < 0xE000) || (n == 0 && cp % 211 != 0)) {
            continue;
        }

        newer += n > 0;
        letter[put_utf8(letter, cp)] = '\0';

        char *pattern = mutt_match_literal(mutt_str(letter));

        assert_non_null(pattern);
        assert_int_equal(mutt_regex_create(mutt_str(letter), &regex, &err),
                         MUTT_OK);

        mutt_rule_t rule = rule_of(letter, 1);
        mutt_matcher_t *matcher = matcher_of(&rule, 1);

        for (size_t i = 0; i < n; i++) {
            char other[5] = "";

            other[put_utf8(other, forms[i])] = '\0';

            if (winner(matcher, mutt_str(other), "", ANY) != 1 ||
                mutt_regex_match(regex, scratch, mutt_str(other)) !=
                    MUTT_REGEX_YES) {
                fail_msg("U+%X and U+%X", cp, forms[i]);
            }
        }

        assert_int_equal(winner(matcher, mutt_str(letter), "", ANY), 1);
        mutt_matcher_destroy(matcher);
        mutt_regex_destroy(regex);
        free(pattern);
    }

    assert_int_equal(newer, 707);
    mutt_regex_scratch_destroy(scratch);
}


/* Whether rule is for an event, its text in words. */
static bool
wants(const mutt_rule_t *rule, const char *words, const char *oid, int severity)
{
    if (rule->severity != ANY && rule->severity != severity) {
        return false;
    }

    if (rule->trap_oid.len > 0 && oid[0] != '\0') {
        return true;
    }

    const char *word = rule->match_string.data;

    word += word[0] == '\\' ? 2 : 0;

    return memmem(words, strlen(words), word, 3) != NULL;
}


/* Thousands of rules, many of them alike but for severity and priority. */
static void
the_order_holds_among_many(void **state)
{
    static const char *const texts[] = { "alpha", "~\\bbeta\\b", "~gam+a",
                                         "delta" };
    static const char *const words[] = { "alpha ", "beta ", "gamma ",
                                         "delta " };
    mutt_rule_t *rules = calloc(MANY, sizeof(mutt_rule_t));

    (void) state;
    assert_non_null(rules);

    for (int i = 0; i < MANY; i++) {
        rules[i] = rule_of(texts[pick(COUNT(texts))], i + 1);
        rules[i].priority = 1 + (int) pick(1000);
        rules[i].severity = (int) pick(9) - 1;
        rules[i].trap_oid = pick(4) == 0 ? MUTT_STR("1.3.6") : MUTT_STR("");
    }

    mutt_matcher_t *matcher = matcher_of(rules, MANY);

    for (int round = 0; round < 500; round++) {
        char text[64] = ".";
        const char *oid = pick(2) == 0 ? "" : "1.3.6.1";
        int severity = (int) pick(9) - 1;
        const mutt_rule_t *wanted = NULL;

        for (size_t k = 0; k < COUNT(words); k++) {
            strcat(text, pick(2) == 0 ? "" : words[k]);
        }

        for (int i = 0; i < MANY; i++) {
            if (wants(&rules[i], text, oid, severity) &&
                (wanted == NULL || rules[i].priority < wanted->priority)) {
                wanted = &rules[i];
            }
        }

        assert_int_equal(winner(matcher, mutt_str(text), oid, severity),
                         wanted == NULL ? 0 : wanted->id);
    }

    mutt_matcher_destroy(matcher);
    free(rules);
}


/* A shape, with a number below twenty in place of each "#". */
static void
fill(const char *shape, char *out)
{
    for (; *shape != '\0'; shape++) {
        if (*shape == '#') {
            out += snprintf(out, 3, "%u", pick(20));
        } else {
            *out++ = *shape;
        }
    }

    *out = '\0';
}


/* Hundreds of rules whose texts end and begin alike, against each alone. */
static void
alike_rules_are_told_apart(void **state)
{
    static const char *const shapes[] = {
        "port # of shelf # is down",
        "~port # of (shelf|slot) # is (up|down)",
        "shelf # is down",
        "~fan #.*shelf # ",
        "fan #",
        "~sensor-#:? kelvin [0-9]+\\.#",
    };
    mutt_rule_t rules[ALIKE];
    mutt_trial_t *trials[ALIKE];
    char patterns[ALIKE][64];

    (void) state;

    for (size_t i = 0; i < ALIKE; i++) {
        fill(shapes[pick(COUNT(shapes))], patterns[i]);
        rules[i] = rule_of(patterns[i], (int32_t) i + 1);
        rules[i].priority = (int32_t) i;
        trials[i] = mutt_trial_create(&rules[i]);
        assert_non_null(trials[i]);
    }

    mutt_matcher_t *matcher = matcher_of(rules, ALIKE);

    for (int round = 0; round < 600; round++) {
        static const char *const kelvins[] = { "kelvin", "KELVIN",
                                               "\xe2\x84\xaa"
                                               "elvin" };
        char text[256];

        (void) snprintf(text, sizeof(text),
                        "PORT %u of shelf %u i%s, fan %u at Shelf %u, "
                        "%sensor-%u: %s %u.%u",
                        pick(40), pick(40), pick(3) == 0 ? "s up" : "s down",
                        pick(40), pick(40), pick(2) == 0 ? "\xc5\xbf" : "s",
                        pick(40), kelvins[pick(3)], pick(20), pick(40));

        mutt_match_input_t input = { mutt_str(text), MUTT_STR(""), ANY };
        int32_t wanted = 0;

        for (size_t i = 0; i < ALIKE && wanted == 0; i++) {
            wanted = mutt_trial(trials[i], &input) == MUTT_TRIAL_MATCH
                         ? rules[i].id
                         : 0;
        }

        assert_int_equal(winner(matcher, mutt_str(text), "", ANY), wanted);
    }

    for (size_t i = 0; i < ALIKE; i++) {
        mutt_trial_destroy(trials[i]);
    }

    mutt_matcher_destroy(matcher);
}


static void
what_is_outdated_is_not_built(void **state)
{
    mutt_rule_t rules[] = { rule_of("~fan \\d+", 1), rule_of("disk", 2) };
    mutt_matcher_t *matcher = NULL;
    bool outdated = true;
    mutt_err_t err;

    (void) state;
    assert_int_equal(mutt_matcher_build(rules, COUNT(rules), &outdated, report,
                                        NULL, &matcher, &err),
                     MUTT_STALE);
    assert_null(matcher);

    outdated = false;
    assert_int_equal(mutt_matcher_build(rules, COUNT(rules), &outdated, report,
                                        NULL, &matcher, &err),
                     MUTT_OK);
    assert_int_equal(winner(matcher, MUTT_STR("Fan 7"), "", ANY), 1);
    mutt_matcher_destroy(matcher);
}


static void
a_check_names_the_offset(void **state)
{
    mutt_err_t err;

    (void) state;
    assert_int_equal(mutt_match_check(MUTT_MATCH_REGEX, MUTT_STR("ab(c"), &err),
                     MUTT_INVALID);
    assert_non_null(strstr(err.text, "offset 4"));
    assert_int_equal(
        mutt_match_check(MUTT_MATCH_REGEX, MUTT_STR("ab(c)"), &err), MUTT_OK);
    assert_int_equal(
        mutt_match_check(MUTT_MATCH_CONTAINS, MUTT_STR("ab(c"), &err), MUTT_OK);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_rule_wins),
        cmocka_unit_test(no_rules_match_nothing),
        cmocka_unit_test(a_rule_that_cannot_be_used_is_named),
        cmocka_unit_test(a_pattern_that_goes_on_hitting_limits_is_switched_off),
        cmocka_unit_test(a_pattern_that_hits_limits_is_left_to_hyperscan),
        cmocka_unit_test(all_engines_mean_the_same),
        cmocka_unit_test(contains_folds_as_regex_does),
        cmocka_unit_test(the_order_holds_among_many),
        cmocka_unit_test(alike_rules_are_told_apart),
        cmocka_unit_test(what_is_outdated_is_not_built),
        cmocka_unit_test(a_check_names_the_offset),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
