/* What is done about an SQLSTATE; GUARANTEES 2.1. */

#include "unit.h"

#include "io/mutt_pg.h"

static const struct {
    const char *sqlstate;
    mutt_sql_class_t class;
} rows[] = {
    { "00000", MUTT_SQL_OK },
    /* serialisation, deadlock, lock timeout, statement timeout */
    { "40001", MUTT_SQL_RETRY },
    { "40P01", MUTT_SQL_RETRY },
    { "55P03", MUTT_SQL_RETRY },
    { "57014", MUTT_SQL_RETRY },
    /* connection, shutdown, crash, start, read-only, too many */
    { "08006", MUTT_SQL_RECONNECT },
    { "08001", MUTT_SQL_RECONNECT },
    { "57P01", MUTT_SQL_RECONNECT },
    { "57P02", MUTT_SQL_RECONNECT },
    { "57P03", MUTT_SQL_RECONNECT },
    { "57P05", MUTT_SQL_RECONNECT },
    { "25006", MUTT_SQL_RECONNECT },
    { "53300", MUTT_SQL_RECONNECT },
    /* disk, memory, schema, rights, password, database */
    { "53100", MUTT_SQL_WAIT },
    { "53200", MUTT_SQL_WAIT },
    { "53400", MUTT_SQL_WAIT },
    { "42703", MUTT_SQL_WAIT },
    { "42P01", MUTT_SQL_WAIT },
    { "42501", MUTT_SQL_WAIT },
    { "28P01", MUTT_SQL_WAIT },
    { "3D000", MUTT_SQL_WAIT },
    { "58030", MUTT_SQL_WAIT },
    { "23514", MUTT_SQL_PARTITION },
    /* the data */
    { "22P02", MUTT_SQL_ROW },
    { "22P05", MUTT_SQL_ROW },
    { "22021", MUTT_SQL_ROW },
    { "22003", MUTT_SQL_ROW },
    { "22001", MUTT_SQL_ROW },
    { "23502", MUTT_SQL_ROW },
    { "54000", MUTT_SQL_ROW },
    { "54001", MUTT_SQL_ROW },
    /* nobody knows */
    { "XX000", MUTT_SQL_UNKNOWN },
    { "P0001", MUTT_SQL_UNKNOWN },
    { "23505", MUTT_SQL_UNKNOWN },
    { "0A000", MUTT_SQL_UNKNOWN },
};


static void
every_sqlstate_has_its_class(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (mutt_sql_classify(rows[i].sqlstate) != rows[i].class) {
            fail_msg("%s is of class %d", rows[i].sqlstate,
                     mutt_sql_classify(rows[i].sqlstate));
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sqlstate_has_its_class),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
