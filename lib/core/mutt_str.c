#include "mutt_str.h"


static unsigned char
fold(char c)
{
    return (unsigned char) (c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}


static bool
space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}


bool
mutt_str_eq_nocase(mutt_str_t a, mutt_str_t b)
{
    if (a.len != b.len) {
        return false;
    }

    for (size_t i = 0; i < a.len; i++) {
        if (fold(a.data[i]) != fold(b.data[i])) {
            return false;
        }
    }

    return true;
}


int64_t
mutt_str_count(mutt_str_t s)
{
    int64_t n = 0;

    /* eighteen digits fit for certain */
    if (s.len > 18) {
        return 0;
    }

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return 0;
        }

        n = n * 10 + (s.data[i] - '0');
    }

    return n;
}


mutt_str_t
mutt_str_trim(mutt_str_t s)
{
    while (s.len > 0 && space(s.data[0])) {
        s.data++;
        s.len--;
    }

    while (s.len > 0 && space(s.data[s.len - 1])) {
        s.len--;
    }

    return s;
}
