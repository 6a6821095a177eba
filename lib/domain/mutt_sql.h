/* Statements, rows in the .def file. */

#ifndef MUTT_SQL_H
#define MUTT_SQL_H

typedef enum {
#define SQL(id, text) MUTT_SQL_TEXT_##id,
#include "mutt_sql.def"
#undef SQL
    MUTT_SQL_TEXT_COUNT
} mutt_sql_t;

extern const char *const mutt_sql[MUTT_SQL_TEXT_COUNT];

#endif
