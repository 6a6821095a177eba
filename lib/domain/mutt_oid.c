#include "mutt_oid.h"


mutt_str_t
mutt_oid_strip(mutt_str_t text, bool pattern)
{
    if (text.len > 0 && text.data[0] == '.') {
        text.data++;
        text.len--;
    }

    if (pattern && text.len >= 2 &&
        memcmp(text.data + text.len - 2, ".*", 2) == 0) {
        text.len -= 2;
    }

    return text;
}


/* Reads one arc at *p and moves past it. */
static bool
arc(const char **p, const char *end, uint32_t *value)
{
    uint64_t v = 0;
    const char *start = *p;

    while (*p < end && **p >= '0' && **p <= '9') {
        v = v * 10 + (uint64_t) (**p - '0');

        if (v > UINT32_MAX) {
            return false;
        }

        (*p)++;
    }

    *value = (uint32_t) v;

    return *p > start;
}


bool
mutt_oid_parse(mutt_str_t text, bool pattern, mutt_oid_t *oid)
{
    text = mutt_oid_strip(text, pattern);

    const char *p = text.data;
    const char *end = text.data + text.len;
    size_t n = 0;

    for (;;) {
        if (n == MUTT_OID_ARCS || !arc(&p, end, &oid->arcs[n])) {
            return false;
        }

        n++;

        if (p == end) {
            oid->n = n;
            return true;
        }

        if (*p++ != '.') {
            return false;
        }
    }
}
