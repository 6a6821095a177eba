#include "mutt_rule.h"

#include "core/mutt_utf8.h"
#include "mutt_oid.h"

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


/* Whether text has at most max characters, all of them UTF-8. */
static bool
fits(mutt_str_t text, size_t max)
{
    return mutt_utf8_valid(text) && mutt_utf8_head(text, max).len == text.len;
}


const char *
mutt_rule_fault(const mutt_rule_t *rule)
{
    mutt_oid_t oid;

    if (rule->match_string.len == 0 && rule->trap_oid.len == 0) {
        return "neither match_string nor trap_oid";
    }

    if (rule->type == MUTT_MATCH_OID_PREFIX && rule->trap_oid.len == 0) {
        return "oid_prefix without trap_oid";
    }

    if (rule->trap_oid.len > 0 && !mutt_oid_parse(rule->trap_oid, true, &oid)) {
        return "trap_oid is no OID";
    }

    if (!fits(rule->match_string, MUTT_RULE_MATCH_MAX)) {
        return "match_string is too long";
    }

    if (rule->severity != MUTT_SEVERITY_NONE &&
        (rule->severity < 0 || rule->severity >= MUTT_SEVERITIES)) {
        return "syslog_severity is none of 0 to 7";
    }

    if (rule->team.len == 0 || !fits(rule->team, MUTT_RULE_TEAM_MAX)) {
        return "team_assignment is empty or too long";
    }

    return NULL;
}
