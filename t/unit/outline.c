/* The outline of what is large, found in turns. */

#include "unit.h"

#include "domain/mutt_outline.h"


/* The outline of text, so many bytes at a time. */
static void
outline(mutt_outline_t *o, const char *text, size_t bytes)
{
    mutt_outline_begin(o, mutt_str(text), 1000);

    while (!mutt_outline_step(o, bytes)) {
    }
}


static void
what_is_inside_is_left_out(void **state)
{
    static const struct {
        const char *text;
        const char *outline;
    } cases[] = {
        { "{\"a\": [1, {\"b\":[]}] , \"c\":{}, \"d\":\"x\"}",
          "{\"a\": [] , \"c\":{}, \"d\":\"x\"}" },
        { "{\"a]\":\"[{\\\"[\", \"b\":[\"]\\\\\\\"}]\"],\"c\":1}",
          "{\"a]\":\"[{\\\"[\", \"b\":[],\"c\":1}" },
        { "{\"a\":[{}}", "{\"a\":[}" },
        { "{\"a\":[1", "{\"a\":[" },
        { "{\"a\":[\"x", "{\"a\":[" },
        { "{}}]", "{}}]" },
        { "[[]]", "[[]]" },
        { "", "" },
        { "nul", "nul" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t bytes = 1; bytes < 50; bytes++) {
            mutt_outline_t o;

            outline(&o, cases[i].text, bytes);
            assert_true(
                mutt_str_eq(mutt_buf_str(&o.text), mutt_str(cases[i].outline)));
            mutt_outline_done(&o);
        }
    }
}


static void
a_value_is_found_again(void **state)
{
    const char *text = "{\"a\":[1,2], \"b\": {\"c\":3}, \"d\":4 x}";
    mutt_outline_t o;

    (void) state;
    outline(&o, text, 3);

    mutt_str_t whole = mutt_buf_str(&o.text);
    const char *list = memchr(whole.data, '[', whole.len);
    const char *object = memchr(whole.data + 1, '{', whole.len - 1);
    const char *fault = memchr(whole.data, 'x', whole.len);
    mutt_str_t other = { fault, 1 };

    assert_true(mutt_str_eq(mutt_outline_value(&o, (mutt_str_t) { list, 2 }),
                            MUTT_STR("[1,2]")));
    assert_true(mutt_str_eq(mutt_outline_value(&o, (mutt_str_t) { object, 2 }),
                            MUTT_STR("{\"c\":3}")));
    assert_ptr_equal(mutt_outline_value(&o, other).data, fault);
    assert_int_equal(mutt_outline_offset(&o, (size_t) (fault - whole.data)),
                     strchr(text, 'x') - text);
    mutt_outline_done(&o);
}


static void
bounds_hold(void **state)
{
    char many[400] = "{";
    mutt_outline_t o;

    (void) state;

    for (int i = 0; i < 40; i++) {
        (void) snprintf(many + strlen(many), sizeof(many) - strlen(many),
                        "\"%02d\":[1],", i);
    }

    outline(&o, many, 7);
    assert_true(mutt_buf_ok(&o.text));
    assert_int_equal(o.n_parts, 40);

    /* one that is not remembered is as the outline has it */
    const char *last = memrchr(o.text.data, '[', o.text.len);

    assert_true(mutt_str_eq(mutt_outline_value(&o, (mutt_str_t) { last, 2 }),
                            MUTT_STR("[]")));
    mutt_outline_done(&o);

    outline(&o, "{\"a\":[1,\"2,3\",[4,5,6,7],8]}", 5);
    assert_int_equal(o.longest, sizeof("[4,5,6,7]") - 1);
    mutt_outline_done(&o);

    mutt_outline_begin(&o, mutt_str(many), 20);
    assert_true(mutt_outline_step(&o, sizeof(many)));
    assert_false(mutt_buf_ok(&o.text));
    mutt_outline_done(&o);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_inside_is_left_out),
        cmocka_unit_test(a_value_is_found_again),
        cmocka_unit_test(bounds_hold),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
