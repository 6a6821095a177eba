#include "mutt_rule.h"

static const struct {
    const char *name;
    mutt_fate_t fate;
} handlings[MUTT_HANDLE_COUNT] = {
    [MUTT_HANDLE_PAGE_AND_TICKET] = { "Page_and_ticket", MUTT_FATE_FORWARD },
    [MUTT_HANDLE_PAGE_ONLY] = { "Page_only", MUTT_FATE_FORWARD },
    [MUTT_HANDLE_TICKET_ONLY] = { "Ticket_only", MUTT_FATE_FORWARD },
    [MUTT_HANDLE_EMAIL_ONLY] = { "Email_only", MUTT_FATE_LOG },
    [MUTT_HANDLE_LOG_ONLY] = { "Log_only", MUTT_FATE_LOG },
    [MUTT_HANDLE_SUPPRESS] = { "Suppress", MUTT_FATE_SUPPRESS },
    [MUTT_HANDLE_IGNORE] = { "Ignore", MUTT_FATE_SUPPRESS },
};


bool
mutt_handling_parse(mutt_str_t name, mutt_handling_t *handling)
{
    for (int i = 0; i < MUTT_HANDLE_COUNT; i++) {
        if (mutt_str_eq_nocase(name, mutt_str(handlings[i].name))) {
            *handling = (mutt_handling_t) i;
            return true;
        }
    }

    return false;
}


const char *
mutt_handling_name(mutt_handling_t handling)
{
    return handlings[handling].name;
}


mutt_fate_t
mutt_handling_fate(mutt_handling_t handling)
{
    return handlings[handling].fate;
}


bool
mutt_match_type_parse(mutt_str_t name, mutt_match_type_t *type)
{
    static const char *const names[] = { "contains", "regex", "oid_prefix" };

    for (int i = 0; i < 3; i++) {
        if (mutt_str_eq(name, mutt_str(names[i]))) {
            *type = (mutt_match_type_t) i;
            return true;
        }
    }

    return false;
}
