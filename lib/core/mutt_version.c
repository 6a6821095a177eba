#include "mutt_version.h"


/* Takes the next part; 0 at the end. */
static int64_t
next_part(mutt_str_t *s)
{
    const char *dot = s->len == 0 ? NULL : memchr(s->data, '.', s->len);
    size_t len = dot == NULL ? s->len : (size_t) (dot - s->data);
    int64_t part = mutt_str_count((mutt_str_t) { s->data, len });

    len += dot != NULL;
    s->data += len;
    s->len -= len;

    return part;
}


int
mutt_version_compare(mutt_str_t a, mutt_str_t b)
{
    while (a.len > 0 || b.len > 0) {
        int64_t x = next_part(&a);
        int64_t y = next_part(&b);

        if (x != y) {
            return x < y ? -1 : 1;
        }
    }

    return 0;
}
