/*
 * Only what stands at the top of a pattern is looked at, one atom after the
 * other: a group or a class is stepped over, an alternative there ends it all.
 * Whatever is not understood for certain makes the whole pattern unread.
 */

#include "mutt_match_need.h"

#include <stdbool.h>
#include <string.h>

/* One reading of a pattern. */
typedef struct {
    mutt_str_t pattern;
    size_t at;
    mutt_needs_t *needs;
    size_t used;  /* of the text */
    size_t begun; /* where the piece on its way begins */
} reader_t;

/* How often an atom is wanted. */
typedef enum { TIMES_ONCE, TIMES_MAYBE, TIMES_MORE } times_t;


static char
peek(const reader_t *r, size_t ahead)
{
    size_t i = r->at + ahead;

    if (i >= r->pattern.len) {
        return '\0';
    }

    return r->pattern.data[i];
}


static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}


static bool
is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


static void
end_piece(reader_t *r)
{
    mutt_needs_t *needs = r->needs;

    if (r->used > r->begun && needs->n < MUTT_NEEDS_MAX) {
        needs->pieces[needs->n++] =
            (mutt_str_t) { needs->text + r->begun, r->used - r->begun };
    }

    r->begun = r->used;
}


/* Steps over "{n}", "{n,}" or "{n,m}"; false when it is none of them. */
static bool
read_braces(reader_t *r, times_t *times)
{
    size_t i = 1;
    bool zero = true;

    while (is_digit(peek(r, i))) {
        zero = zero && peek(r, i) == '0';
        i++;
    }

    if (i == 1) {
        return false;
    }

    if (peek(r, i) == ',') {
        do {
            i++;
        } while (is_digit(peek(r, i)));
    }

    if (peek(r, i) != '}') {
        return false;
    }

    *times = zero ? TIMES_MAYBE : TIMES_MORE;
    r->at += i + 1;

    return true;
}


/* Steps over what stands behind an atom. */
static bool
read_times(reader_t *r, times_t *times)
{
    *times = TIMES_ONCE;

    switch (peek(r, 0)) {
    case '*':
    case '?':
        *times = TIMES_MAYBE;
        r->at++;
        break;
    case '+':
        *times = TIMES_MORE;
        r->at++;
        break;
    case '{':
        if (!read_braces(r, times)) {
            return false;
        }
        break;
    default:
        return true;
    }

    if (peek(r, 0) == '?' || peek(r, 0) == '+') {
        r->at++;
    }

    return true;
}


/* Steps over an escape that is one character, a class or a place. */
static bool
skip_escape(reader_t *r)
{
    char c = peek(r, 1);

    if (c == '\0' ||
        (is_alnum(c) && strchr("dDwWsShHvVbBAzZntrfeaR", c) == NULL)) {
        return false;
    }

    r->at += 2;

    return true;
}


/* Steps over "[:alpha:]", if it is one. */
static bool
skip_named_class(reader_t *r)
{
    char kind = peek(r, 1);

    if (kind != ':' && kind != '.' && kind != '=') {
        return false;
    }

    for (size_t i = 2; r->at + i < r->pattern.len && peek(r, i) != ']'; i++) {
        if (peek(r, i) == kind && peek(r, i + 1) == ']') {
            r->at += i + 2;
            return true;
        }
    }

    return false;
}


static bool
skip_class(reader_t *r)
{
    r->at++;

    if (peek(r, 0) == '^') {
        r->at++;
    }

    for (bool first = true; r->at < r->pattern.len; first = false) {
        char c = peek(r, 0);

        if (c == ']' && !first) {
            r->at++;
            return true;
        }

        if (c == '\\') {
            if (!skip_escape(r)) {
                return false;
            }
        } else if (c != '[' || !skip_named_class(r)) {
            r->at++;
        }
    }

    return false;
}


/* Whether a group is opened that does not change how the rest is read. */
static bool
opens_group(const reader_t *r)
{
    char c = peek(r, 2);

    return peek(r, 1) == '?' ? c == ':' || c == '=' || c == '!' || c == '<'
                             : peek(r, 1) != '*';
}


static bool
skip_group(reader_t *r)
{
    size_t depth = 0;

    while (r->at < r->pattern.len) {
        bool fine = true;

        switch (peek(r, 0)) {
        case '(':
            fine = opens_group(r);
            depth++;
            r->at++;
            break;
        case ')':
            depth--;
            r->at++;
            break;
        case '[':
            fine = skip_class(r);
            break;
        case '\\':
            fine = skip_escape(r);
            break;
        default:
            r->at++;
        }

        if (!fine) {
            return false;
        }

        if (depth == 0) {
            return true;
        }
    }

    return false;
}


/* A character that means itself, at the reader's place: what is behind it
 * says whether it belongs to the piece. */
static bool
read_letter(reader_t *r, char c)
{
    times_t times;

    if (!read_times(r, &times)) {
        return false;
    }

    if (times != TIMES_MAYBE) {
        r->needs->text[r->used++] = c;
    }

    if (times != TIMES_ONCE) {
        end_piece(r);
    }

    return true;
}


/* One atom and how often it is wanted; false when it can't be read. */
static bool
read_atom(reader_t *r)
{
    char c = peek(r, 0);
    times_t times;

    switch (c) {
    case '|':
    case ')':
    case '*':
    case '+':
    case '?':
    case '{':
        return false;
    case '(':
        end_piece(r);
        return skip_group(r) && read_times(r, &times);
    case '[':
        end_piece(r);
        return skip_class(r) && read_times(r, &times);
    case '^':
    case '$':
    case '.':
        end_piece(r);
        r->at++;
        return read_times(r, &times);
    case '\\':
        c = peek(r, 1);

        if (!skip_escape(r)) {
            return false;
        }

        if (c > ' ' && c <= '~' && !is_alnum(c)) {
            return read_letter(r, c);
        }

        end_piece(r);
        return read_times(r, &times);
    default:
        break;
    }

    r->at++;

    if (c >= ' ' && c <= '~') {
        return read_letter(r, c);
    }

    end_piece(r);

    return read_times(r, &times);
}


void
mutt_match_needs(mutt_str_t pattern, mutt_needs_t *needs)
{
    reader_t r = { .pattern = pattern, .needs = needs };

    needs->n = 0;

    if (pattern.len > MUTT_NEED_PATTERN_MAX) {
        return;
    }

    while (r.at < pattern.len) {
        if (!read_atom(&r)) {
            needs->n = 0;
            return;
        }
    }

    end_piece(&r);
}
