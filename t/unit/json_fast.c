/* What counts as JSON on the hot paths. */

#include "unit.h"

#include "core/mutt_json_fast.h"

static mutt_json_reader_t *reader;

static const struct {
    const char *promise;
    const char *input;
    mutt_json_status_t status;
} rows[] = {
    { "an empty object", "{}", MUTT_JSON_OK },
    { "white space around", " \r\n\t{ \"a\" : 1 } \n", MUTT_JSON_OK },
    { "nothing", "", MUTT_JSON_SYNTAX },
    { "white space only", "  ", MUTT_JSON_SYNTAX },
    { "a number is no object", "1", MUTT_JSON_NOT_OBJECT },
    { "nor is null", "null", MUTT_JSON_NOT_OBJECT },
    { "nor null with white space around", "\nnull\t", MUTT_JSON_NOT_OBJECT },
    { "nor a string", "\"x\"", MUTT_JSON_NOT_OBJECT },
    { "text that begins like null", "no JSON", MUTT_JSON_SYNTAX },
    { "text that begins like true", "this", MUTT_JSON_SYNTAX },
    { "a broken array is no JSON", "[[1,]]", MUTT_JSON_SYNTAX },
    { "nor is a misspelt word in an array", "[tru]", MUTT_JSON_SYNTAX },
    { "nor are two arrays", "[1][2]", MUTT_JSON_SYNTAX },
    { "nor two scalars", "1 2", MUTT_JSON_SYNTAX },
    { "nor a word and more", "null x", MUTT_JSON_SYNTAX },
    { "nor a string and more", "\"x\" 1", MUTT_JSON_SYNTAX },
    { "an empty array is no object", "[]", MUTT_JSON_NOT_OBJECT },
    { "an array is no object", "[{}]", MUTT_JSON_NOT_OBJECT },
    { "cut in a value", "{\"a\":", MUTT_JSON_SYNTAX },
    { "cut in a string", "{\"a\":\"b", MUTT_JSON_SYNTAX },
    { "cut before the brace", "{\"a\":1", MUTT_JSON_SYNTAX },
    { "two objects", "{}{}", MUTT_JSON_SYNTAX },
    { "trailing data", "{} x", MUTT_JSON_SYNTAX },
    { "trailing brace", "{}}", MUTT_JSON_SYNTAX },
    { "trailing comma", "{\"a\":1,}", MUTT_JSON_SYNTAX },
    { "missing comma", "{\"a\":1 \"b\":2}", MUTT_JSON_SYNTAX },
    { "missing colon", "{\"a\" 1}", MUTT_JSON_SYNTAX },
    { "a comment", "{/**/\"a\":1}", MUTT_JSON_SYNTAX },
    { "single quotes", "{'a':1}", MUTT_JSON_SYNTAX },
    { "bare name", "{a:1}", MUTT_JSON_SYNTAX },
    { "byte order mark", "\xef\xbb\xbf{}", MUTT_JSON_SYNTAX },
    { "escaped NUL is legal", "{\"a\":\"\\u0000\"}", MUTT_JSON_OK },
    { "raw control character", "{\"a\":\"\x01\"}", MUTT_JSON_SYNTAX },
    { "raw newline in a string", "{\"a\":\"\n\"}", MUTT_JSON_SYNTAX },
    { "bad escape", "{\"a\":\"\\x\"}", MUTT_JSON_SYNTAX },
    { "short unicode escape", "{\"a\":\"\\u12\"}", MUTT_JSON_SYNTAX },
    { "lone high surrogate", "{\"a\":\"\\ud800\"}", MUTT_JSON_UTF8 },
    { "lone low surrogate", "{\"a\":\"\\udc00\"}", MUTT_JSON_UTF8 },
    { "reversed surrogates", "{\"a\":\"\\udc00\\ud800\"}", MUTT_JSON_UTF8 },
    { "high then text", "{\"a\":\"\\ud800x\"}", MUTT_JSON_UTF8 },
    { "high then high", "{\"a\":\"\\ud800\\ud800\"}", MUTT_JSON_UTF8 },
    { "a pair", "{\"a\":\"\\ud83d\\ude00\"}", MUTT_JSON_OK },
    { "escaped backslash before u", "{\"a\":\"\\\\ud800\"}", MUTT_JSON_OK },
    { "lone surrogate in a nested name", "{\"a\":{\"\\ud800\":1}}",
      MUTT_JSON_UTF8 },
    { "overlong UTF-8", "{\"a\":\"\xc0\xaf\"}", MUTT_JSON_UTF8 },
    { "CESU-8", "{\"a\":\"\xed\xa0\x80\"}", MUTT_JSON_UTF8 },
    { "U+FFFF", "{\"a\":\"\xef\xbf\xbf\"}", MUTT_JSON_OK },
    { "duplicate member", "{\"a\":1,\"a\":2}", MUTT_JSON_REFUSED },
    { "duplicate by escape", "{\"a\":1,\"\\u0061\":2}", MUTT_JSON_REFUSED },
    { "nested duplicate", "{\"x\":[{\"a\":1,\"a\":2}]}", MUTT_JSON_REFUSED },
    { "duplicate empty name", "{\"\":1,\"a\":2,\"\":3}", MUTT_JSON_REFUSED },
    { "duplicate far from the first",
      "{\"abcde\":1,\"b\":2,\"c\":3,\"d\":4,\"abcde\":5}", MUTT_JSON_REFUSED },
    { "names that look alike", "{\"abcde\":1,\"aXcYe\":2,\"\":3}",
      MUTT_JSON_OK },
    { "and a duplicate among them",
      "{\"abcde\":1,\"aXcYe\":2,\"abcYe\":3,\"aXcYe\":4}", MUTT_JSON_REFUSED },
    { "the same name on two levels", "{\"a\":{\"a\":1}}", MUTT_JSON_OK },
    { "empty name", "{\"\":1}", MUTT_JSON_OK },
    { "literals", "{\"a\":true,\"b\":false,\"c\":null}", MUTT_JSON_OK },
    { "misspelt literal", "{\"a\":tru}", MUTT_JSON_SYNTAX },
    { "misspelt null", "{\"a\":nul}", MUTT_JSON_SYNTAX },
    { "NaN", "{\"a\":NaN}", MUTT_JSON_SYNTAX },
    { "long integer", "{\"a\":99999999999999999999}", MUTT_JSON_OK },
    { "past a double", "{\"a\":1e999}", MUTT_JSON_REFUSED },
    { "minus zero", "{\"a\":-0}", MUTT_JSON_OK },
    { "leading zero", "{\"a\":01}", MUTT_JSON_SYNTAX },
    { "plus sign", "{\"a\":+1}", MUTT_JSON_SYNTAX },
    { "bare point", "{\"a\":1.}", MUTT_JSON_SYNTAX },
    { "empty exponent", "{\"a\":1e}", MUTT_JSON_SYNTAX },
    { "hexadecimal", "{\"a\":0x1}", MUTT_JSON_SYNTAX },
    { "two numbers", "{\"a\":1 2}", MUTT_JSON_SYNTAX },
    { "nested trailing comma", "{\"a\":[1,]}", MUTT_JSON_SYNTAX },
    { "unclosed nested array", "{\"a\":[1}", MUTT_JSON_SYNTAX },
    { "mismatched brackets", "{\"a\":[1}]", MUTT_JSON_SYNTAX },
    { "deep but allowed", "{\"a\":[[[[[[[[1]]]]]]]]}", MUTT_JSON_OK },
};


static void
accepts_what_it_promises(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        const mutt_json_member_t *members;
        size_t n;
        size_t offset;
        mutt_json_status_t got = mutt_json_read_object(
            reader, mutt_str(rows[i].input), &members, &n, &offset);

        if (got != rows[i].status) {
            fail_msg("%s: %d instead of %d", rows[i].promise, (int) got,
                     (int) rows[i].status);
        }
    }
}


static mutt_json_status_t
read_repeated(const char *head, const char *middle, size_t times,
              const char *tail)
{
    const mutt_json_member_t *members;
    size_t n;
    size_t offset;
    size_t len = strlen(head) + times * strlen(middle) + strlen(tail);
    char *text = malloc(len + 1);
    char *p = stpcpy(text, head);

    for (size_t i = 0; i < times; i++) {
        p = stpcpy(p, middle);
    }

    (void) stpcpy(p, tail);

    mutt_json_status_t status = mutt_json_read_object(
        reader, (mutt_str_t) { text, len }, &members, &n, &offset);

    free(text);

    return status;
}


static void
caps_depth_elements_and_digits(void **state)
{
    (void) state;

    assert_int_equal(read_repeated("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "",
                                   0, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"),
                     MUTT_JSON_OK);
    assert_int_equal(read_repeated("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
                                   "", 0, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"),
                     MUTT_JSON_TOO_DEEP);
    assert_int_not_equal(read_repeated("{\"a\":", "[", 100000, ""),
                         MUTT_JSON_OK);
    assert_int_equal(read_repeated("{\"a\":[0", ",0", 1022, "]}"),
                     MUTT_JSON_OK);
    assert_int_equal(read_repeated("{\"a\":[0", ",0", 1023, "]}"),
                     MUTT_JSON_TOO_DEEP);
    assert_int_equal(read_repeated("{\"a\":", "1", 512, "}"), MUTT_JSON_OK);
    assert_int_equal(read_repeated("{\"a\":", "1", 513, "}"),
                     MUTT_JSON_REFUSED);
}


static void
lists_members_with_their_bytes(void **state)
{
    const char *text = " {\"a\" : \"x\\ny\", \"b\\u0062\":[1, {\"c\":2}] ,"
                       "\"n\": 99999999999999999999 }";
    const mutt_json_member_t *m;
    size_t n;
    size_t offset;

    (void) state;

    assert_int_equal(
        mutt_json_read_object(reader, mutt_str(text), &m, &n, &offset),
        MUTT_JSON_OK);
    assert_int_equal(n, 3);
    assert_true(mutt_str_eq(m[0].name, MUTT_STR("a")));
    assert_true(mutt_str_eq(m[0].text, MUTT_STR("x\ny")));
    assert_true(mutt_str_eq(m[0].raw, MUTT_STR("\"x\\ny\"")));
    assert_true(mutt_str_eq(m[0].member, MUTT_STR("\"a\" : \"x\\ny\"")));
    assert_ptr_equal(m[0].member.data, text + 2);
    assert_true(mutt_str_eq(m[1].name, MUTT_STR("bb")));
    assert_int_equal(m[1].type, MUTT_JSON_ARRAY);
    assert_true(mutt_str_eq(m[1].raw, MUTT_STR("[1, {\"c\":2}]")));
    assert_int_equal(m[2].type, MUTT_JSON_NUMBER_VALUE);
    assert_true(mutt_str_eq(m[2].raw, MUTT_STR("99999999999999999999")));
}


static int
setup(void **state)
{
    (void) state;
    reader = mutt_json_reader_create();

    return reader == NULL ? -1 : 0;
}


static int
teardown(void **state)
{
    (void) state;
    mutt_json_reader_destroy(reader);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_it_promises),
        cmocka_unit_test(caps_depth_elements_and_digits),
        cmocka_unit_test(lists_members_with_their_bytes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
