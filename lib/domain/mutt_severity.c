#include "mutt_severity.h"

static const struct {
    const char *word;
    int severity;
} words[] = {
    { "emergency", 0 }, { "emerg", 0 },         { "alert", 1 },
    { "critical", 2 },  { "crit", 2 },          { "error", 3 },
    { "err", 3 },       { "warning", 4 },       { "warn", 4 },
    { "notice", 5 },    { "informational", 6 }, { "info", 6 },
    { "debug", 7 },
};


int
mutt_severity_parse(mutt_str_t text)
{
    if (text.len == 1 && text.data[0] >= '0' && text.data[0] <= '7') {
        return text.data[0] - '0';
    }

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (mutt_str_eq_nocase(text, mutt_str(words[i].word))) {
            return words[i].severity;
        }
    }

    return MUTT_SEVERITY_NONE;
}
