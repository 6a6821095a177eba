#include "mutt_match_engine.h"

#include "mutt_match_cost.h"
#include "mutt_match_hyper.h"
#include "mutt_match_literal.h"


bool
mutt_engine_reads(const char *text, mutt_engine_t engine, bool narrow)
{
    return mutt_hyper_reads(
        text, mutt_hyper_flags(!narrow, engine == MUTT_ENGINE_CONFIRM));
}


bool
mutt_engine_is_plain(mutt_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0) {
            return false;
        }
    }

    return text.len > 0;
}


bool
mutt_engine_is_narrow(const char *text)
{
    if (!mutt_engine_is_plain(mutt_str(text)) || strstr(text, "\\x") != NULL ||
        strncmp(text, "(*", 2) == 0) {
        return false;
    }

    for (const char *p = strchr(text, '\\'); p != NULL && p[1] != '\0';
         p = strchr(p + 2, '\\')) {
        if (p[1] >= '0' && p[1] <= '9') {
            return false;
        }
    }

    return true;
}


mutt_engine_t
mutt_engine_of(const char *text, bool narrow)
{
    if (mutt_match_cost(mutt_str(text)) > MUTT_MATCH_COST_FAST) {
        return MUTT_ENGINE_SLOW;
    }

    /* with its older Unicode it might not even find all candidates */
    if (mutt_case_has_newer(mutt_str(text)) || strstr(text, "\\p") != NULL ||
        strstr(text, "\\P") != NULL || strstr(text, "\\x{") != NULL ||
        strstr(text, "\\o{") != NULL) {
        return MUTT_ENGINE_SLOW;
    }

    if (mutt_engine_reads(text, MUTT_ENGINE_FAST, narrow)) {
        return MUTT_ENGINE_FAST;
    }

    return mutt_engine_reads(text, MUTT_ENGINE_CONFIRM, narrow)
               ? MUTT_ENGINE_CONFIRM
               : MUTT_ENGINE_SLOW;
}
