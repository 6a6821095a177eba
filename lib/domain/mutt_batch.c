#include "mutt_batch.h"

#include <endian.h>
#include <stdint.h>


static bool
space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}


static size_t
skip_space(mutt_str_t body, size_t pos)
{
    while (pos < body.len && space(body.data[pos])) {
        pos++;
    }

    return pos;
}


static size_t
line_end(mutt_str_t body, size_t pos)
{
    const char *nl = memchr(body.data + pos, '\n', body.len - pos);

    return nl == NULL ? body.len : (size_t) (nl - body.data);
}


typedef unsigned char chunk_t __attribute__((vector_size(16)));


/* The first byte of a string from pos on that is more than text, or one
 * before it. */
static size_t
skip_text(mutt_str_t body, size_t pos, size_t end)
{
    chunk_t chunk;
    uint64_t halves[2];

    for (; pos + sizeof(chunk) <= end; pos += sizeof(chunk)) {
        memcpy(&chunk, body.data + pos, sizeof(chunk));
        chunk = (chunk_t) ((chunk == '"') | (chunk == '\\') | (chunk == '\n'));
        memcpy(halves, &chunk, sizeof(chunk));

        if ((halves[0] | halves[1]) != 0) {
            size_t half = halves[0] == 0;

            return pos + 8 * half +
                   (size_t) __builtin_ctzll(le64toh(halves[half])) / 8;
        }
    }

    return pos;
}


/* Behind the closing quote of the string that opens at pos, or 0. */
static size_t
string_end(mutt_str_t body, size_t pos, size_t end)
{
    pos++;

    while ((pos = skip_text(body, pos, end)) < end) {
        switch (body.data[pos]) {
        case '\\':
            pos += 2;
            break;
        case '"':
            return pos + 1;
        case '\n':
            /* no string spans a line */
            return 0;
        default:
            pos++;
            break;
        }
    }

    return 0;
}


/* Behind the bracket that closes the one at pos, or 0 if none does. */
static size_t
bracket_end(mutt_str_t body, size_t pos, size_t end)
{
    size_t depth = 0;

    while (pos < end) {
        switch (body.data[pos]) {
        case '"':
            pos = string_end(body, pos, end);

            if (pos == 0) {
                return 0;
            }
            continue;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            if (--depth == 0) {
                return pos + 1;
            }
            break;

        default:
            break;
        }

        pos++;
    }

    return 0;
}


mutt_body_kind_t
mutt_batch_begin(mutt_batch_t *batch, mutt_str_t body, bool ndjson)
{
    size_t first = skip_space(body, 0);

    *batch = (mutt_batch_t) { .body = body, .pos = first };

    if (first == body.len) {
        batch->kind = MUTT_BODY_EMPTY;
        return batch->kind;
    }

    batch->kind = MUTT_BODY_SINGLE;

    if (ndjson) {
        batch->kind = MUTT_BODY_LINES;
        batch->by_line = true;

    } else if (body.data[first] == '[') {
        batch->kind = MUTT_BODY_ARRAY;

    } else if (body.data[first] == '{') {
        size_t line = line_end(body, first);
        size_t end = bracket_end(body, first, body.len);

        batch->by_line = end != 0 && end <= line;

        /* a first line that is broken may still head a batch of lines */
        if (end == 0) {
            end = line;
            batch->by_line = true;
        }

        size_t next = skip_space(body, end);

        if (next < body.len && body.data[next] == '{') {
            batch->kind = MUTT_BODY_LINES;
        }
    }

    return batch->kind;
}


static bool
take(mutt_batch_t *batch, size_t from, size_t to, mutt_str_t *slice)
{
    batch->pos = to;

    /* JSON's white space only: a form feed is the sender's fault */
    while (to > from && space(batch->body.data[to - 1])) {
        to--;
    }

    *slice = (mutt_str_t) { batch->body.data + from, to - from };

    return true;
}


/* Whether a line closes one bracket at most, and ends so: then it is one
 * object, or none at all. */
static bool
closes_once(mutt_str_t body, size_t pos, size_t end)
{
    const char *p = memchr(body.data + pos, '}', end - pos);

    if (p == NULL) {
        return true;
    }

    pos = (size_t) (p - body.data) + 1;

    while (pos < end && space(body.data[pos])) {
        pos++;
    }

    return pos == end;
}


static bool
next_line(mutt_batch_t *batch, mutt_str_t *slice)
{
    mutt_str_t body = batch->body;
    size_t pos = skip_space(body, batch->pos);

    if (pos == body.len) {
        return false;
    }

    /* once a line: it may hold any number of objects */
    if (batch->line <= pos) {
        batch->line = line_end(body, pos);
    }

    size_t limit = batch->by_line ? batch->line : body.len;
    size_t end = 0;

    if (batch->by_line && closes_once(body, pos, limit)) {
        return take(batch, pos, limit, slice);
    }

    if (body.data[pos] == '{') {
        end = bracket_end(body, pos, limit);
    }

    if (end != 0) {
        size_t next = end;

        while (next < limit && space(body.data[next])) {
            next++;
        }

        /* what follows on the line must be another object, else the line
         * is broken as a whole */
        if (next == limit || body.data[next] == '{') {
            return take(batch, pos, end, slice);
        }
    }

    return take(batch, pos, limit, slice);
}


static size_t
scalar_end(mutt_str_t body, size_t pos)
{
    if (body.data[pos] == '"') {
        return string_end(body, pos, body.len);
    }

    while (pos < body.len && body.data[pos] != ',' && body.data[pos] != ']' &&
           !space(body.data[pos])) {
        pos++;
    }

    return pos;
}


static bool
array_broken(mutt_batch_t *batch, size_t pos)
{
    batch->broken = true;
    batch->pos = pos;

    return false;
}


/* pos is at '[' before the first member, at ',' or ']' behind each. */
static bool
next_member(mutt_batch_t *batch, mutt_str_t *slice)
{
    mutt_str_t body = batch->body;
    size_t at = skip_space(body, batch->pos);

    if (at == body.len) {
        return array_broken(batch, at);
    }

    bool first = !batch->begun;
    size_t pos = skip_space(body, at + 1);

    batch->begun = true;

    if (body.data[at] == ']' ||
        (first && pos < body.len && body.data[pos] == ']')) {
        size_t rest = skip_space(body, (body.data[at] == ']' ? at : pos) + 1);

        return rest == body.len ? false : array_broken(batch, rest);
    }

    if ((!first && body.data[at] != ',') || pos == body.len) {
        return array_broken(batch, at);
    }

    char c = body.data[pos];
    size_t end = c == '{' || c == '[' ? bracket_end(body, pos, body.len)
                                      : scalar_end(body, pos);

    if (end == 0 || end == pos) {
        return array_broken(batch, pos);
    }

    return take(batch, pos, end, slice);
}


bool
mutt_batch_next(mutt_batch_t *batch, mutt_str_t *slice)
{
    switch (batch->kind) {
    case MUTT_BODY_ARRAY:
        return next_member(batch, slice);

    case MUTT_BODY_LINES:
        return next_line(batch, slice);

    case MUTT_BODY_SINGLE:
        return batch->pos < batch->body.len &&
               take(batch, batch->pos, batch->body.len, slice);

    case MUTT_BODY_EMPTY:
        break;
    }

    return false;
}
