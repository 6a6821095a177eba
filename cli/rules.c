/* muttdev rules list. */

#include "api.h"

static const column_t rules[] = {
    { "ID", "id" },
    { "PRIO", "priority" },
    { "ACTIVE", "is_active" },
    { "TYPE", "match_type" },
    { "TEXT", "match_string" },
    { "OID", "trap_oid" },
    { "SEV", "syslog_severity" },
    { "PROD", "prod_handling" },
    { "DEV", "dev_handling" },
    { "TEAM", "team_assignment" },
    { NULL, NULL },
};


API_COMMAND(rules_list, "rules list", "",
            "the first 1,000 rules, in the order in which they are tried", "",
            NULL, "GET", "rules?limit=1000", NULL, "rules", rules, NULL)
