/*
 * The tables are the difference between what PCRE2 10.42 (Unicode 14) and
 * Hyperscan 5.4 find for each letter; t/unit/match.c holds the two together.
 */

#include "mutt_match_literal.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/mutt_utf8.h"

/* a letter as a class of its forms */
#define LETTER_MAX (2 + MUTT_CASE_MAX * sizeof("\\x{10ffff}"))

/* First letters of pairs, every step-th one, and how far the other lies. */
static const struct {
    uint32_t first;
    uint32_t last;
    uint32_t step;
    uint32_t other;
} pairs[] = {
    { 0x26A, 0x26A, 1, 0xA544 },   { 0x282, 0x282, 1, 0xA543 },
    { 0x29D, 0x29D, 1, 0xA515 },   { 0x10D0, 0x10FA, 1, 0xBC0 },
    { 0x10FD, 0x10FF, 1, 0xBC0 },  { 0x13A0, 0x13EF, 1, 0x97D0 },
    { 0x13F0, 0x13F5, 1, 8 },      { 0x1D8E, 0x1D8E, 1, 0x8A38 },
    { 0x2C2F, 0x2C2F, 1, 0x30 },   { 0xA794, 0xA794, 1, 0x30 },
    { 0xA7B3, 0xA7B3, 1, 0x3A0 },  { 0xA7B4, 0xA7C2, 2, 1 },
    { 0xA7C7, 0xA7C9, 2, 1 },      { 0xA7D0, 0xA7D0, 1, 1 },
    { 0xA7D6, 0xA7D8, 2, 1 },      { 0xA7F5, 0xA7F5, 1, 1 },
    { 0x104B0, 0x104D3, 1, 0x28 }, { 0x10570, 0x1057A, 1, 0x27 },
    { 0x1057C, 0x1058A, 1, 0x27 }, { 0x1058C, 0x10592, 1, 0x27 },
    { 0x10594, 0x10595, 1, 0x27 }, { 0x10C80, 0x10CB2, 1, 0x40 },
    { 0x16E40, 0x16E5F, 1, 0x20 }, { 0x1E900, 0x1E921, 1, 0x22 },
};

/* Letters of three and four forms: Cyrillic in its old printed shapes. */
static const uint32_t sets[][MUTT_CASE_MAX] = {
    { 0x412, 0x432, 0x1C80 },         { 0x414, 0x434, 0x1C81 },
    { 0x41E, 0x43E, 0x1C82 },         { 0x421, 0x441, 0x1C83 },
    { 0x422, 0x442, 0x1C84, 0x1C85 }, { 0x42A, 0x44A, 0x1C86 },
    { 0x462, 0x463, 0x1C87 },         { 0x1C88, 0xA64A, 0xA64B },
};


static bool
in_pairs(uint32_t cp, size_t i)
{
    return cp >= pairs[i].first && cp <= pairs[i].last &&
           (cp - pairs[i].first) % pairs[i].step == 0;
}


static size_t
set_of(uint32_t cp, const uint32_t set[MUTT_CASE_MAX],
       uint32_t forms[MUTT_CASE_MAX])
{
    bool member = false;
    size_t n = 0;

    while (n < MUTT_CASE_MAX && set[n] != 0) {
        member = member || set[n] == cp;
        forms[n] = set[n];
        n++;
    }

    return member ? n : 0;
}


size_t
mutt_case_newer(uint32_t cp, uint32_t forms[MUTT_CASE_MAX])
{
    /* nothing below has a newer form */
    if (cp < 0x26A) {
        return 0;
    }

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        uint32_t first = in_pairs(cp, i) ? cp : cp - pairs[i].other;

        if (in_pairs(first, i)) {
            forms[0] = first;
            forms[1] = first + pairs[i].other;
            return 2;
        }
    }

    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        size_t n = set_of(cp, sets[i], forms);

        if (n > 0) {
            return n;
        }
    }

    return 0;
}


bool
mutt_case_has_newer(mutt_str_t text)
{
    uint32_t forms[MUTT_CASE_MAX];
    uint32_t cp;
    size_t n;

    for (size_t i = 0; i < text.len; i += n) {
        n = mutt_utf8_decode(text.data + i, text.len - i, &cp);

        if (n == 0) {
            return false;
        }

        if (mutt_case_newer(cp, forms) > 0) {
            return true;
        }
    }

    return false;
}


/* Writes a letter to out and returns its length. */
static size_t
put_letter(char *out, const char *in, size_t n, uint32_t cp)
{
    static const char special[] = "\\^$.|?*+()[]{}#/-";
    uint32_t forms[MUTT_CASE_MAX];
    size_t n_forms = mutt_case_newer(cp, forms);
    size_t len = 0;

    if (n_forms == 0) {
        if (cp != 0 && cp < 0x80 && strchr(special, (int) cp) != NULL) {
            out[len++] = '\\';
        }

        memcpy(out + len, in, n);

        return len + n;
    }

    out[len++] = '[';

    for (size_t i = 0; i < n_forms; i++) {
        len += (size_t) snprintf(out + len, LETTER_MAX - len, "\\x{%x}",
                                 (unsigned) forms[i]);
    }

    out[len++] = ']';

    return len;
}


char *
mutt_match_literal(mutt_str_t text)
{
    char *out = malloc(text.len * LETTER_MAX + 1);
    size_t len = 0;
    size_t n;

    if (out == NULL) {
        return NULL;
    }

    for (size_t i = 0; i < text.len; i += n) {
        uint32_t cp = 0;

        n = mutt_utf8_decode(text.data + i, text.len - i, &cp);
        n = n == 0 ? 1 : n;
        len += put_letter(out + len, text.data + i, n, cp);
    }

    out[len] = '\0';

    return out;
}
