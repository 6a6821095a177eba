/* Arrays in PostgreSQL's binary format, byte by byte. */

#include "unit.h"

#include "io/mutt_pg_array.h"


static void
expect(mutt_buf_t *b, const void *bytes, size_t n)
{
    assert_true(mutt_buf_ok(b));
    assert_int_equal(b->len, n);
    assert_memory_equal(b->data, bytes, n);
    mutt_buf_reset(b);
}


static void
an_array_says_what_follows(void **state)
{
    static const unsigned char head[] = {
        0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 1, 44, 0, 0, 0, 1,
    };
    mutt_buf_t b;

    (void) state;
    mutt_buf_init(&b, 1000);
    mutt_pg_array_begin(&b, MUTT_PG_TEXT, 300);
    expect(&b, head, sizeof(head));
    mutt_buf_done(&b);
}


static void
elements_have_their_length_and_the_network_s_order(void **state)
{
    static const mutt_uuid_t id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
                                      14, 15, 16 } };
    static const char text[] = "\0\0\0\3{\"\\";
    mutt_buf_t b;

    (void) state;
    mutt_buf_init(&b, 1000);

    mutt_pg_array_null(&b);
    expect(&b, "\xff\xff\xff\xff", 4);
    mutt_pg_array_bool(&b, true);
    expect(&b, "\0\0\0\1\1", 5);
    mutt_pg_array_bool(&b, false);
    expect(&b, "\0\0\0\1\0", 5);
    mutt_pg_array_int4(&b, -2);
    expect(&b, "\0\0\0\4\xff\xff\xff\xfe", 8);
    mutt_pg_array_text(&b, MUTT_STR("{\"\\"));
    expect(&b, text, sizeof(text) - 1);
    mutt_pg_array_text(&b, MUTT_STR(""));
    expect(&b, "\0\0\0\0", 4);
    mutt_pg_array_uuid(&b, &id);
    expect(&b, "\0\0\0\x10\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf\x10", 20);
    mutt_buf_done(&b);
}


static void
times_count_from_the_start_of_2000(void **state)
{
    mutt_buf_t b;
    mutt_usec_t start;

    (void) state;
    mutt_buf_init(&b, 1000);
    assert_true(mutt_time_parse(MUTT_STR("2000-01-01T00:00:00Z"), &start));
    mutt_pg_array_time(&b, start);
    expect(&b, "\0\0\0\x8\0\0\0\0\0\0\0\0", 12);
    mutt_pg_array_time(&b, start + 258);
    expect(&b, "\0\0\0\x8\0\0\0\0\0\0\1\2", 12);
    mutt_pg_array_time(&b, start - 1);
    expect(&b, "\0\0\0\x8\xff\xff\xff\xff\xff\xff\xff\xff", 12);
    mutt_buf_done(&b);
}


static void
what_does_not_fit_is_told_at_the_end(void **state)
{
    mutt_buf_t b;

    (void) state;
    mutt_buf_init(&b, 10);
    mutt_pg_array_begin(&b, MUTT_PG_TEXT, 1);
    mutt_pg_array_text(&b, MUTT_STR("x"));
    assert_false(mutt_buf_ok(&b));
    mutt_buf_done(&b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_says_what_follows),
        cmocka_unit_test(elements_have_their_length_and_the_network_s_order),
        cmocka_unit_test(times_count_from_the_start_of_2000),
        cmocka_unit_test(what_does_not_fit_is_told_at_the_end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
