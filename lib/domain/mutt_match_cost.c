#include "mutt_match_cost.h"

/* of a character, of a class, of Unicode's digits and of its letters, in
 * sixteenths of a place */
#define NARROW 1
#define WIDE 16
#define DIGIT (8 * WIDE)
#define LETTER (24 * WIDE)

#define DEPTH_MAX 64
#define COST_LIMIT (UINT64_C(1) << 40)

typedef struct {
    const char *p;
    const char *end;
    uint64_t sums[DEPTH_MAX + 1]; /* of the groups that are open */
    size_t depth;
    uint64_t atom; /* the last, which a repeat repeats */
    bool quoted;   /* between \Q and \E */
} scan_t;


static uint64_t
limited(uint64_t cost)
{
    return cost < COST_LIMIT ? cost : COST_LIMIT;
}


/* The atom is as it stands: no repeat follows. */
static void
settle(scan_t *s)
{
    s->sums[s->depth] = limited(s->sums[s->depth] + s->atom);
    s->atom = 0;
}


static void
skip_braces(scan_t *s)
{
    if (s->p < s->end && *s->p == '{') {
        while (s->p < s->end && *s->p != '}') {
            s->p++;
        }

        s->p += s->p < s->end;
    }
}


static void
scan_escape(scan_t *s)
{
    settle(s);

    if (s->p == s->end) {
        return;
    }

    char c = *s->p++;

    if (c == 'Q') {
        s->quoted = true;
    } else if (strchr("dDhHsSvVNR", c) != NULL) {
        s->atom = DIGIT;
    } else if (strchr("wWXpPkg123456789", c) != NULL) {
        s->atom = LETTER;

        if (strchr("pPkg", c) != NULL) {
            skip_braces(s);
        }
    } else if (strchr("bBAzZGKE", c) == NULL) {
        s->atom = NARROW;

        if (c == 'x' || c == 'o') {
            skip_braces(s);
        }
    }
}


/* A class ends at the first bracket that is not its first member. */
static void
scan_class(scan_t *s)
{
    settle(s);
    s->p += s->p < s->end && *s->p == '^';
    s->p += s->p < s->end && *s->p == ']';

    uint64_t atom = WIDE;

    while (s->p < s->end && *s->p != ']') {
        if (*s->p == '\\' && s->p + 1 < s->end) {
            s->p++;
            atom = strchr("wWpP", *s->p) != NULL   ? LETTER
                   : strchr("dDsS", *s->p) != NULL ? DIGIT
                                                   : atom;
        }

        /* [:alpha:] */
        if (*s->p == '[' && s->p + 1 < s->end && s->p[1] == ':') {
            const char *close =
                memchr(s->p + 2, ']', (size_t) (s->end - s->p - 2));

            s->p = close == NULL ? s->p : close;
        }

        s->p++;
    }

    s->p += s->p < s->end;
    s->atom = atom;
}


static void
open_group(scan_t *s)
{
    settle(s);

    /* deeper ones count with the group that they are in */
    if (s->depth < DEPTH_MAX) {
        s->sums[++s->depth] = 0;
    }
}


static void
close_group(scan_t *s)
{
    settle(s);

    if (s->depth > 0) {
        s->atom = s->sums[s->depth--];
    }
}


static bool
scan_number(const char **p, const char *end, uint64_t *n)
{
    const char *begin = *p;

    *n = 0;

    while (*p < end && **p >= '0' && **p <= '9') {
        *n = limited(*n * 10 + (uint64_t) (**p - '0'));
        (*p)++;
    }

    return *p > begin;
}


/* {n}, {n,} or {n,m}; anything else is characters. */
static void
scan_repeat(scan_t *s)
{
    const char *p = s->p;
    uint64_t least = 0;
    uint64_t most;
    bool ok = scan_number(&p, s->end, &least);

    most = least;

    if (ok && p < s->end && *p == ',') {
        p++;

        if (!scan_number(&p, s->end, &most)) {
            most = least;
        }
    }

    if (!ok || p == s->end || *p != '}') {
        settle(s);
        s->atom = NARROW;
        return;
    }

    s->p = p + 1;

    if (most > 1 && s->atom > 0) {
        s->atom = limited(s->atom * limited(most));
    }
}


static void
scan_one(scan_t *s)
{
    char c = *s->p++;

    if (s->quoted) {
        if (c == '\\' && s->p < s->end && *s->p == 'E') {
            s->p++;
            s->quoted = false;
            return;
        }

        settle(s);
        s->atom = NARROW;
        return;
    }

    switch (c) {
    case '\\':
        scan_escape(s);
        break;
    case '[':
        scan_class(s);
        break;
    case '(':
        open_group(s);
        break;
    case ')':
        close_group(s);
        break;
    case '{':
        scan_repeat(s);
        break;
    case '*':
    case '+':
    case '?':
        break;
    case '|':
    case '^':
    case '$':
        settle(s);
        break;
    default:
        settle(s);
        s->atom = c == '.' ? WIDE : NARROW;
    }
}


uint64_t
mutt_match_cost(mutt_str_t pattern)
{
    scan_t s = { .p = pattern.data, .end = pattern.data + pattern.len };

    while (s.p < s.end) {
        scan_one(&s);
    }

    settle(&s);

    while (s.depth > 0) {
        close_group(&s);
        settle(&s);
    }

    return s.sums[0] / WIDE;
}
