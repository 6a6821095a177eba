#include "mutt_sql.h"

const char *const mutt_sql[MUTT_SQL_TEXT_COUNT] = {
#define SQL(id, text) text,
#include "mutt_sql.def"
#undef SQL
};
