/* Unmatched events of one batch, by host and kind of message. */

#include "unit.h"

#include "domain/mutt_kinds.h"


static mutt_event_t
event_of(const char *host, const char *message)
{
    return (mutt_event_t) { .hostname = mutt_str(host),
                            .message = mutt_str(message) };
}


static void
events_of_a_host_and_a_kind_count_together(void **state)
{
    static const struct {
        const char *host;
        const char *message;
        size_t kind;
    } rows[] = {
        { "r1", "port 1 down", 0 },   { "R1", "port 22 down", 0 },
        { "r2", "port 1 down", 1 },   { "r1", "port 1 up", 2 },
        { "r1", "port 333 down", 0 },
    };
    mutt_pool_t *pool = mutt_pool_create(4096);
    mutt_kinds_t kinds;
    size_t index;

    (void) state;
    assert_true(mutt_kinds_init(&kinds, COUNT(rows), pool));

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_event_t event = event_of(rows[i].host, rows[i].message);

        assert_true(mutt_kinds_add(&kinds, &event, pool, &index));
        assert_int_equal(index, rows[i].kind);
    }

    assert_int_equal(kinds.n, 3);
    assert_int_equal(kinds.all[0].times, 3);
    assert_int_equal(kinds.all[0].key.len, strlen("mutt:unhandled:r1:") + 16);
    assert_memory_equal(kinds.all[0].key.data, "mutt:unhandled:r1:", 18);
    assert_true(mutt_str_eq(kinds.all[0].sample, MUTT_STR("port 333 down")));
    mutt_pool_destroy(pool);
}


/* Digests of a claim are remembered; with many, some take others' places. */
static void
kinds_are_told_apart_whatever_came_before(void **state)
{
    mutt_pool_t *pool = mutt_pool_create(65536);
    mutt_kinds_t kinds;
    char hash[MUTT_HASH16_LEN + 1];
    size_t index;

    (void) state;
    assert_true(mutt_kinds_init(&kinds, 2000, pool));

    for (int i = 0; i < 2000; i++) {
        char message[32];

        /* letters, since numbers would be folded */
        (void) snprintf(message, sizeof(message), "port %c%c%c is down",
                        'g' + i % 10, 'g' + i / 10 % 10, 'g' + i / 100 % 10);

        mutt_event_t event = event_of("r1", message);

        assert_true(mutt_kinds_add(&kinds, &event, pool, &index));
        assert_int_equal(index, i % 1000);
        assert_true(mutt_fold_hash(mutt_str(message), hash));
        assert_memory_equal(kinds.all[index].key.data +
                                strlen("mutt:unhandled:r1:"),
                            hash, MUTT_HASH16_LEN);
    }

    assert_int_equal(kinds.n, 1000);
    assert_int_equal(kinds.all[7].times, 2);
    mutt_pool_destroy(pool);
}


static void
a_batch_of_kinds_all_different_fits(void **state)
{
    mutt_pool_t *pool = mutt_pool_create(65536);
    mutt_kinds_t kinds;
    size_t index;

    (void) state;
    assert_true(mutt_kinds_init(&kinds, 1000, pool));

    for (int i = 0; i < 1000; i++) {
        char host[16];

        (void) snprintf(host, sizeof(host), "h%d", i);

        mutt_event_t event = event_of(host, "m");

        assert_true(mutt_kinds_add(&kinds, &event, pool, &index));
        assert_int_equal(index, i);
    }

    mutt_event_t event = event_of("one more", "m");

    assert_false(mutt_kinds_add(&kinds, &event, pool, &index));
    mutt_pool_destroy(pool);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_of_a_host_and_a_kind_count_together),
        cmocka_unit_test(kinds_are_told_apart_whatever_came_before),
        cmocka_unit_test(a_batch_of_kinds_all_different_fits),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
