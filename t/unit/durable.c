/* What Redis says about itself, and what an answer of it is worth. */

#include "unit.h"

#include "domain/mutt_durable.h"

#define AOF "# Persistence\r\naof_enabled:1\r\naof_last_write_status:ok\r\n"
#define AOF_OFF "aof_enabled:0\r\naof_last_write_status:ok\r\n"
#define AOF_FULL "aof_enabled:1\r\naof_last_write_status:err\r\n"
#define KEEPS "maxmemory_policy:noeviction\r\n"
#define EVICTS "maxmemory_policy:allkeys-lru\r\n"


static void
the_level_is_what_all_of_it_holds(void **state)
{
    static const struct {
        const char *info;
        const char *fsync;
        const char *level;
    } rows[] = {
        { AOF KEEPS, "always", "fsync" },
        { AOF KEEPS, "everysec", "memory" },
        { AOF KEEPS, "no", "none" },
        { AOF KEEPS, "", "memory" },
        { AOF KEEPS, "Always", "memory" },
        { KEEPS AOF, "always", "fsync" },
        { AOF_OFF KEEPS, "always", "none" },
        { AOF_FULL KEEPS, "always", "none" },
        { AOF EVICTS, "always", "none" },
        { AOF "maxmemory_policy:noeviction", "everysec", "memory" },
        { AOF, "always", "none" },
        { KEEPS, "always", "none" },
        { AOF "maxmemory_policy:noeviction2\r\n", "always", "none" },
        { "aof_enabled:10\r\n" KEEPS, "always", "none" },
        { "", "always", "none" },
        { "\r\n\r\n:\r\nslave\r\nslave0\r\n", "", "none" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_durable_facts_t facts = { 0 };

        mutt_durable_info(&facts, mutt_str(rows[i].info));
        facts.fsync =
            mutt_durable_fsync(mutt_str(rows[i].fsync), MUTT_STR("no"));
        assert_string_equal(mutt_durable_name(mutt_durable_level(&facts)),
                            rows[i].level);
    }
}


static void
always_with_rewrites_between_is_less(void **state)
{
    (void) state;

    assert_int_equal(mutt_durable_fsync(MUTT_STR("always"), MUTT_STR("no")),
                     MUTT_FSYNC_ALWAYS);
    assert_int_equal(mutt_durable_fsync(MUTT_STR("always"), MUTT_STR("")),
                     MUTT_FSYNC_ALWAYS);
    assert_int_equal(mutt_durable_fsync(MUTT_STR("always"), MUTT_STR("yes")),
                     MUTT_FSYNC_EVERYSEC);
    assert_int_equal(mutt_durable_fsync(MUTT_STR("no"), MUTT_STR("yes")),
                     MUTT_FSYNC_NO);
}


static void
replicas_count_when_they_are_in_sync(void **state)
{
    mutt_durable_facts_t facts = { .fsync = MUTT_FSYNC_ALWAYS, .replicas = 9 };

    (void) state;
    mutt_durable_info(
        &facts,
        MUTT_STR("role:master\r\nconnected_slaves:3\r\n"
                 "slave0:ip=::1,port=1,state=online,offset=1,lag=0\r\n"
                 "slave1:ip=::1,port=2,state=wait_bgsave,offset=0,lag=0\r\n"
                 "slave12:ip=::1,port=3,state=online,offset=1,lag=0\r\n"
                 "slave_read_only:,state=online,\r\n"));
    assert_int_equal(facts.replicas, 2);
    assert_false(facts.replica);
    assert_int_equal(facts.fsync, MUTT_FSYNC_ALWAYS);

    mutt_durable_info(&facts, MUTT_STR("role:slave\r\n"));
    assert_int_equal(facts.replicas, 0);
    assert_true(facts.replica);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_level_is_what_all_of_it_holds),
        cmocka_unit_test(always_with_rewrites_between_is_less),
        cmocka_unit_test(replicas_count_when_they_are_in_sync),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
