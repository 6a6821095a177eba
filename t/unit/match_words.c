/* Words in messages, and the words that regular expressions can't do without.
 */

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "domain/mutt_match_need.h"
#include "domain/mutt_match_words.h"

/* What was found, as bits. */
static uint64_t found;


static void
on_found(void *data, uint32_t id)
{
    (void) data;
    found |= 1ULL << id;
}


static mutt_words_t *
words_of(const char *const *texts, size_t n)
{
    mutt_words_t *words = mutt_words_create(n);
    mutt_err_t err;

    assert_non_null(words);

    for (size_t i = 0; i < n; i++) {
        assert_true(mutt_words_add(words, (uint32_t) i, mutt_str(texts[i])));
    }

    assert_true(mutt_words_choose(words));
    assert_int_equal(mutt_words_build(words, &err), MUTT_OK);

    return words;
}


static uint64_t
found_in(mutt_words_t *words, mutt_str_t text)
{
    bool ascii = true;

    for (size_t i = 0; i < text.len; i++) {
        ascii = ascii && text.data[i] >= 0;
    }

    found = 0;
    mutt_words_scan(words, text, ascii, on_found, NULL);

    return found;
}


static void
a_word_is_there_as_a_whole(void **state)
{
    static const char *const texts[] = {
        "tunnel 42 to site-5 unreachable",
        "tunnel 43 to site-5 unreachable",
        "tunnel 42 to site-6 unreachable",
        "unreachable",
        "42",
        "x",
        "SITE-5",
    };
    static const struct {
        const char *message;
        uint64_t bits;
    } rows[] = {
        { "Tunnel 42 to SITE-5 unreachable!", 0x59 },
        { "tunnel 42 to site-5 unreachabl", 0x50 },
        { "tunnel 42 to site-6 unreachable", 0x1c },
        { "tunnel 42 to site- tunnel 43 to site-5 unreachable", 0x5a },
        { "tunnel 42 to site-5 un", 0x50 },
        { "", 0 },
        { "X", 0x20 },
        { "unreachabl\xc3\xa9 42", 0x10 },
    };
    mutt_words_t *words = words_of(texts, COUNT(texts));

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (found_in(words, mutt_str(rows[i].message)) != rows[i].bits) {
            fail_msg("\"%s\": %llx", rows[i].message,
                     (unsigned long long) found);
        }
    }

    mutt_words_destroy(words);
}


/* The long s and the Kelvin sign, at any place of a long message. */
static void
letters_whose_case_is_ascii_are_found_anywhere(void **state)
{
    static const char *const texts[] = { "disk is sick of kelvins",
                                         "disk is sick of kelvin" };
    static const char word[] = "di\xc5\xbf\xe2\x84\xaa i\xc5\xbf sick of "
                               "\xe2\x84\xaa"
                               "elvin";
    mutt_words_t *words = words_of(texts, COUNT(texts));
    size_t max = 40000;
    char *text = malloc(max + sizeof(word));

    (void) state;
    assert_non_null(text);

    for (size_t at = 0; at<max; at += at> 16000 && at < 17000 ? 1 : 97) {
        memset(text, '.', max);
        memcpy(text + at, word, sizeof(word));
        assert_int_equal(
            found_in(words, (mutt_str_t) { text, at + sizeof(word) }), 2);
    }

    free(text);
    mutt_words_destroy(words);
}


static void
the_word_that_fewest_share_is_looked_for(void **state)
{
    static const char *const texts[] = { "fan 1 is down", "fan 2 is down",
                                         "fan 3 is down" };
    mutt_words_t *words = mutt_words_create(5);
    mutt_err_t err;

    (void) state;
    assert_non_null(words);

    for (uint32_t i = 0; i < 3; i++) {
        assert_true(mutt_words_add(words, i, mutt_str(texts[i])));
    }

    /* of two, the one that nobody else has */
    assert_true(mutt_words_add(words, 3, MUTT_STR(" is down")));
    assert_true(mutt_words_add(words, 3, MUTT_STR("power supply")));
    assert_true(mutt_words_choose(words));

    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(mutt_words_sharing(words, i), 1);
    }

    assert_int_equal(mutt_words_sharing(words, 4), 0);
    mutt_words_drop(words, 1);
    assert_int_equal(mutt_words_build(words, &err), MUTT_OK);
    assert_int_equal(found_in(words, MUTT_STR("fan 1 is down, fan 2 is down")),
                     1);
    assert_int_equal(found_in(words, MUTT_STR("a Power Supply")), 8);
    mutt_words_destroy(words);
}


static void
no_words_are_found_nowhere(void **state)
{
    mutt_words_t *words = mutt_words_create(0);
    mutt_err_t err;

    (void) state;
    assert_non_null(words);
    assert_true(mutt_words_choose(words));
    assert_int_equal(mutt_words_build(words, &err), MUTT_OK);
    assert_int_equal(found_in(words, MUTT_STR("a")), 0);
    mutt_words_destroy(words);
}


/* Patterns and what they need, by "|". */
static const char *const needs_of[][2] = {
    { "link down", "link down" },
    { "link (up|down) now", "link | now" },
    { "a|b", "" },
    { "link (a|b", "" },
    { "psu-7: voltage [0-9]+\\.[0-9]+ V", "psu-7: voltage |.| V" },
    { "user ops12\\b", "user ops12" },
    { "colou?r", "colo|r" },
    { "colou*r", "colo|r" },
    { "colou+r", "colou|r" },
    { "colou{0}r", "colo|r" },
    { "colou{0,7}r", "colo|r" },
    { "colou{2}r", "colou|r" },
    { "colou{2,}?r", "colou|r" },
    { "colou{,2}r", "" },
    { "colou{x}r", "" },
    { "(?i)link", "" },
    { "link(?-i)down", "" },
    { "link(?:a(?=b)[)]\\))+down", "link|down" },
    { "link(?#))down", "" },
    { "(*UCP)link", "" },
    { "link\\Qdown\\E", "" },
    { "link\\x41down", "" },
    { "link\\101down", "" },
    { "(link)\\1", "" },
    { "link\\Kdown", "" },
    { "link\\.down\\-", "link.down-" },
    { "[]a]link[^]b]x[[:alpha:]]y", "link|x|y" },
    { "[[:alpha:]|(]link", "link" },
    { "^link$", "link" },
    { "a.b", "a|b" },
    { "\xc3\xa9t\xc3\xa9", "t" },
    { "link\\d+", "link" },
    { "(?<!a)link", "link" },
    { "(?(1)a|b)link", "" },
    { "link)", "" },
    { "link(", "" },
    { "link[", "" },
    { "link\\", "" },
    { "", "" },
};


static void
what_a_pattern_needs_is_read(void **state)
{
    mutt_needs_t needs;
    char long_one[MUTT_NEED_PATTERN_MAX + 2];

    (void) state;

    for (size_t i = 0; i < COUNT(needs_of); i++) {
        char said[256] = "";

        mutt_match_needs(mutt_str(needs_of[i][0]), &needs);

        for (size_t k = 0; k < needs.n; k++) {
            strcat(said, k == 0 ? "" : "|");
            strncat(said, needs.pieces[k].data, needs.pieces[k].len);
        }

        if (strcmp(said, needs_of[i][1]) != 0) {
            fail_msg("%s: %s", needs_of[i][0], said);
        }
    }

    memset(long_one, 'a', sizeof(long_one));
    mutt_match_needs((mutt_str_t) { long_one, sizeof(long_one) }, &needs);
    assert_int_equal(needs.n, 0);
    mutt_match_needs((mutt_str_t) { long_one, MUTT_NEED_PATTERN_MAX }, &needs);
    assert_int_equal(needs.n, 1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_there_as_a_whole),
        cmocka_unit_test(letters_whose_case_is_ascii_are_found_anywhere),
        cmocka_unit_test(the_word_that_fewest_share_is_looked_for),
        cmocka_unit_test(no_words_are_found_nowhere),
        cmocka_unit_test(what_a_pattern_needs_is_read),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
