/* What a body is, and where its events are. */

#include "unit.h"

#include <time.h>

#include "domain/mutt_batch.h"

/* events are joined by '|'; "!" ends an array whose syntax is broken */
static const struct {
    const char *promise;
    const char *body;
    bool ndjson;
    mutt_body_kind_t kind;
    const char *events;
} rows[] = {
    { "nothing", "", false, MUTT_BODY_EMPTY, "" },
    { "white space", " \r\n", true, MUTT_BODY_EMPTY, "" },
    { "one object", " {\"a\":1}\n", false, MUTT_BODY_SINGLE, "{\"a\":1}" },
    { "a scalar", "1", false, MUTT_BODY_SINGLE, "1" },
    { "an object over lines", "{\n\"a\":\n1}", false, MUTT_BODY_SINGLE,
      "{\n\"a\":\n1}" },
    { "garbage behind an object", "{\"a\":1} x", false, MUTT_BODY_SINGLE,
      "{\"a\":1} x" },
    { "a form feed is no white space", "{\"a\":1}\f\n", false, MUTT_BODY_SINGLE,
      "{\"a\":1}\f" },
    { "a cut object", "{\"a\":", false, MUTT_BODY_SINGLE, "{\"a\":" },
    { "brackets in strings", "{\"a\":\"}]\\\"{\"}", false, MUTT_BODY_SINGLE,
      "{\"a\":\"}]\\\"{\"}" },
    { "lines", "{\"a\":1}\n{\"b\":2}\n", false, MUTT_BODY_LINES,
      "{\"a\":1}|{\"b\":2}" },
    { "lines with CRLF and blanks", "{\"a\":1}\r\n\r\n \n{\"b\":2}", false,
      MUTT_BODY_LINES, "{\"a\":1}|{\"b\":2}" },
    { "declared lines of one", "{\"a\":1}\n", true, MUTT_BODY_LINES,
      "{\"a\":1}" },
    { "concatenated", "{\"a\":1}{\"b\":2} {}", false, MUTT_BODY_LINES,
      "{\"a\":1}|{\"b\":2}|{}" },
    { "concatenated over lines", "{\n\"a\":1\n}\n{\n\"b\":2}", false,
      MUTT_BODY_LINES, "{\n\"a\":1\n}|{\n\"b\":2}" },
    { "a broken line spoils only itself",
      "{\"a\":1}\n{\"b\":\n{\"c\":\"x}\n{\"d\":4}", false, MUTT_BODY_LINES,
      "{\"a\":1}|{\"b\":|{\"c\":\"x}|{\"d\":4}" },
    { "a broken first line too", "{\"a\":\"\n{\"b\":2}\n", false,
      MUTT_BODY_LINES, "{\"a\":\"|{\"b\":2}" },
    { "garbage behind an object breaks its line", "{\"a\":1} x\n{\"b\":2}",
      true, MUTT_BODY_LINES, "{\"a\":1} x|{\"b\":2}" },
    { "text as a line", "hello\n{\"b\":2}", true, MUTT_BODY_LINES,
      "hello|{\"b\":2}" },
    { "lines of one closing bracket that close nothing",
      "{\"a\":1}\n{\"b\":\"}\n{\"c\":[1}\n}\n{\"d\":4}", true, MUTT_BODY_LINES,
      "{\"a\":1}|{\"b\":\"}|{\"c\":[1}|}|{\"d\":4}" },
    { "long strings, their escapes anywhere",
      "[{\"a\":\"0123456789abcdef0123456789abcde\\\"}, {\"},"
      "\"0123456789abcde\\\\\",\"0123456789abcdef\\\\\\\"]\"]",
      false, MUTT_BODY_ARRAY,
      "{\"a\":\"0123456789abcdef0123456789abcde\\\"}, {\"}|"
      "\"0123456789abcde\\\\\"|\"0123456789abcdef\\\\\\\"]\"" },
    { "a line's end far into a string", "[\"0123456789abcdef\n\"]", false,
      MUTT_BODY_ARRAY, "!" },
    { "empty array", " [ ] ", false, MUTT_BODY_ARRAY, "" },
    { "array", "[{\"a\":1}, {\"b\":[2,3]} ]", false, MUTT_BODY_ARRAY,
      "{\"a\":1}|{\"b\":[2,3]}" },
    { "array of anything", "[1,\"x,]\",null,[],{}]", false, MUTT_BODY_ARRAY,
      "1|\"x,]\"|null|[]|{}" },
    { "array without its end", "[{}", false, MUTT_BODY_ARRAY, "{}|!" },
    { "array with trailing comma", "[{},]", false, MUTT_BODY_ARRAY, "{}|!" },
    { "array with leading comma", "[,{}]", false, MUTT_BODY_ARRAY, "!" },
    { "array without comma", "[{} {}]", false, MUTT_BODY_ARRAY, "{}|!" },
    { "array in place of a comma", "[{}[{}]]", false, MUTT_BODY_ARRAY, "{}|!" },
    { "array and more", "[{}] {}", false, MUTT_BODY_ARRAY, "{}|!" },
    { "array cut in a string", "[\"x", false, MUTT_BODY_ARRAY, "!" },
};


static void
splits_bodies(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_batch_t batch;
        mutt_str_t slice;
        char got[256] = "";

        assert_int_equal(
            mutt_batch_begin(&batch, mutt_str(rows[i].body), rows[i].ndjson),
            rows[i].kind);

        while (mutt_batch_next(&batch, &slice)) {
            size_t used = strlen(got);

            (void) snprintf(got + used, sizeof(got) - used, "%s%.*s",
                            used == 0 ? "" : "|", MUTT_STR_ARG(slice));
        }

        if (batch.broken) {
            strcat(got, got[0] == '\0' ? "!" : "|!");
        }

        if (strcmp(got, rows[i].events) != 0) {
            fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].promise, got,
                     rows[i].events);
        }
    }
}


/* Walks over head and times copies of part; true when it took a second. */
static bool
takes_long(const char *head, size_t spaces, const char *part, size_t times)
{
    size_t len = spaces + strlen(head) + times * strlen(part);
    char *text = malloc(len + 1);
    mutt_batch_t batch;
    mutt_str_t slice;
    size_t n = 0;
    clock_t start = clock();

    memset(text, ' ', spaces);

    char *p = stpcpy(text + spaces, head);

    for (size_t i = 0; i < times; i++) {
        p = stpcpy(p, part);
    }

    (void) mutt_batch_begin(&batch, (mutt_str_t) { text, len }, false);

    while (clock() - start < CLOCKS_PER_SEC &&
           mutt_batch_next(&batch, &slice)) {
        n++;
    }

    free(text);

    return n < times;
}


static void
a_hostile_body_costs_no_more_than_its_length(void **state)
{
    (void) state;
    assert_false(takes_long("", 0, "{}", 1000000));
    assert_false(takes_long("", 0, "{\n}", 300000));
    assert_false(takes_long("", 0, "{}        ", 300000));
    assert_false(takes_long("[0", 300000, ",0", 300000));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_bodies),
        cmocka_unit_test(a_hostile_body_costs_no_more_than_its_length),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
