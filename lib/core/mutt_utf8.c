#include "mutt_utf8.h"


static bool
tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}


size_t
mutt_utf8_decode(const char *p, size_t n, uint32_t *cp)
{
    static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };

    if (n == 0) {
        return 0;
    }

    unsigned char c = (unsigned char) p[0];
    size_t need;
    uint32_t v;

    if (c < 0x80) {
        *cp = c;
        return 1;

    } else if ((c & 0xe0) == 0xc0) {
        need = 2;
        v = c & 0x1f;

    } else if ((c & 0xf0) == 0xe0) {
        need = 3;
        v = c & 0x0f;

    } else if ((c & 0xf8) == 0xf0) {
        need = 4;
        v = c & 0x07;

    } else {
        return 0;
    }

    if (n < need) {
        return 0;
    }

    for (size_t i = 1; i < need; i++) {
        if (!tail((unsigned char) p[i])) {
            return 0;
        }
        v = v << 6 | ((unsigned char) p[i] & 0x3f);
    }

    if (v < lowest[need] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) {
        return 0;
    }

    *cp = v;

    return need;
}


bool
mutt_utf8_valid(mutt_str_t s)
{
    uint32_t cp;

    for (size_t i = 0; i < s.len;) {
        size_t n = mutt_utf8_decode(s.data + i, s.len - i, &cp);

        if (n == 0) {
            return false;
        }

        i += n;
    }

    return true;
}


mutt_str_t
mutt_utf8_head(mutt_str_t s, size_t max)
{
    uint32_t cp;
    size_t i = 0;

    for (size_t k = 0; k < max && i < s.len; k++) {
        size_t n = mutt_utf8_decode(s.data + i, s.len - i, &cp);

        i += n == 0 ? 1 : n;
    }

    return (mutt_str_t) { s.data, i };
}
