#include "mutt_trial.h"

#include <stdlib.h>

#include "mutt_match_literal.h"
#include "mutt_oid.h"
#include "mutt_regex.h"

struct mutt_trial_s {
    mutt_rule_t rule;
    bool broken;
    bool has_oid;
    mutt_oid_t oid;
    mutt_regex_t *regex; /* NULL: it looks for no text */
    mutt_regex_scratch_t *scratch;
};


/* False when out of memory. */
static bool
compile(mutt_trial_t *t)
{
    const mutt_rule_t *rule = &t->rule;
    mutt_err_t err;

    t->broken = mutt_rule_fault(rule) != NULL;
    t->has_oid =
        rule->trap_oid.len > 0 && mutt_oid_parse(rule->trap_oid, true, &t->oid);

    if (t->broken || rule->match_string.len == 0 ||
        rule->type == MUTT_MATCH_OID_PREFIX) {
        return true;
    }

    t->scratch = mutt_regex_scratch_create();

    if (t->scratch == NULL) {
        return false;
    }

    mutt_rc_t rc;

    if (rule->type == MUTT_MATCH_REGEX) {
        rc = mutt_regex_create(rule->match_string, &t->regex, &err);
    } else {
        char *text = mutt_match_literal(rule->match_string);

        if (text == NULL) {
            return false;
        }

        rc = mutt_regex_create(mutt_str(text), &t->regex, &err);
        free(text);
    }

    t->broken = rc != MUTT_OK;

    return rc != MUTT_NOMEM;
}


mutt_trial_t *
mutt_trial_create(const mutt_rule_t *rule)
{
    mutt_trial_t *t = calloc(1, sizeof(mutt_trial_t));

    if (t == NULL) {
        return NULL;
    }

    t->rule = *rule;

    if (!compile(t)) {
        mutt_trial_destroy(t);
        return NULL;
    }

    return t;
}


void
mutt_trial_destroy(mutt_trial_t *trial)
{
    if (trial != NULL) {
        mutt_regex_destroy(trial->regex);
        mutt_regex_scratch_destroy(trial->scratch);
        free(trial);
    }
}


static mutt_trial_result_t
try_oid(const mutt_trial_t *t, const mutt_oid_t *oid)
{
    return oid->n >= t->oid.n && memcmp(oid->arcs, t->oid.arcs,
                                        t->oid.n * sizeof(oid->arcs[0])) == 0
               ? MUTT_TRIAL_MATCH
               : MUTT_TRIAL_OID;
}


static mutt_trial_result_t
try_text(mutt_trial_t *t, mutt_str_t message)
{
    if (t->regex == NULL) {
        return MUTT_TRIAL_NO_TRAP;
    }

    switch (mutt_regex_match(t->regex, t->scratch, message)) {
    case MUTT_REGEX_YES:
        return MUTT_TRIAL_MATCH;
    case MUTT_REGEX_LIMIT:
        return MUTT_TRIAL_LIMIT;
    case MUTT_REGEX_NO:
        break;
    }

    return MUTT_TRIAL_TEXT;
}


mutt_trial_result_t
mutt_trial(mutt_trial_t *trial, const mutt_match_input_t *input)
{
    mutt_oid_t oid;

    if (trial->broken) {
        return MUTT_TRIAL_BROKEN;
    }

    if (trial->rule.severity != MUTT_SEVERITY_NONE &&
        trial->rule.severity != input->severity) {
        return MUTT_TRIAL_SEVERITY;
    }

    if (trial->has_oid && input->trap_oid.len > 0 &&
        mutt_oid_parse(input->trap_oid, false, &oid)) {
        return try_oid(trial, &oid);
    }

    return try_text(trial, input->message);
}


const char *
mutt_trial_text(mutt_trial_result_t result)
{
    static const char *const texts[] = {
        [MUTT_TRIAL_MATCH] = "matches",
        [MUTT_TRIAL_SEVERITY] = "the event has another severity, or none",
        [MUTT_TRIAL_OID] = "the trap's OID is not below the rule's",
        [MUTT_TRIAL_NO_TRAP] = "the rule is about traps, the event is none",
        [MUTT_TRIAL_TEXT] = "the text is not in the message",
        [MUTT_TRIAL_LIMIT] = "the pattern gave up on the message",
        [MUTT_TRIAL_BROKEN] = "the rule can't be used",
    };

    return texts[result];
}
