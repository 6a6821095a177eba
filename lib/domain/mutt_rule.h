/* A rule, and the vocabulary of what it decides. */

#ifndef MUTT_RULE_H
#define MUTT_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mutt_str.h"
#include "mutt_severity.h"

/* Characters. */
#define MUTT_RULE_MATCH_MAX 1024
#define MUTT_RULE_TEAM_MAX 100

typedef enum {
    MUTT_MATCH_CONTAINS,
    MUTT_MATCH_REGEX,
    MUTT_MATCH_OID_PREFIX
} mutt_match_type_t;

/* What happens to an event; CONTRACT 5.2. */
typedef enum {
    MUTT_HANDLE_PAGE_AND_TICKET,
    MUTT_HANDLE_PAGE_ONLY,
    MUTT_HANDLE_TICKET_ONLY,
    MUTT_HANDLE_EMAIL_ONLY,
    MUTT_HANDLE_LOG_ONLY,
    MUTT_HANDLE_SUPPRESS,
    MUTT_HANDLE_IGNORE,
    MUTT_HANDLE_COUNT
} mutt_handling_t;

typedef enum {
    MUTT_FATE_FORWARD, /* an alert is raised */
    MUTT_FATE_LOG,     /* audited, nothing more */
    MUTT_FATE_SUPPRESS /* audited, and meant to be silent */
} mutt_fate_t;

/* A rule as it is loaded; text belongs to the loader. */
typedef struct {
    int32_t id;
    int32_t priority;
    mutt_str_t match_string; /* empty: none */
    mutt_str_t trap_oid;     /* empty: none */
    int severity;            /* MUTT_SEVERITY_NONE: any */
    mutt_match_type_t type;
    mutt_handling_t prod;
    mutt_handling_t dev;
    mutt_str_t team;
} mutt_rule_t;

/* False when name is no handling; any case. */
bool mutt_handling_parse(mutt_str_t name, mutt_handling_t *handling);
const char *mutt_handling_name(mutt_handling_t handling);
mutt_fate_t mutt_handling_fate(mutt_handling_t handling);

/* False when name is no match type. */
bool mutt_match_type_parse(mutt_str_t name, mutt_match_type_t *type);

/*
 * Why a rule can't be used, static text; NULL when it can.  Whether its
 * pattern compiles is mutt_match_check()'s to say.
 */
const char *mutt_rule_fault(const mutt_rule_t *rule);

#endif
