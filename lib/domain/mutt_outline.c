#include "mutt_outline.h"

/* The levels whose text is the outline's: the object's own. */
#define OWN 1


void
mutt_outline_begin(mutt_outline_t *outline, mutt_str_t body, size_t max)
{
    *outline = (mutt_outline_t) { .body = body };
    mutt_buf_init(&outline->text, max);
}


/* An element ends before pos, and the next begins behind. */
static void
end_element(mutt_outline_t *o)
{
    size_t len = o->pos - o->element;

    o->longest = len > o->longest ? len : o->longest;
    o->element = o->pos + 1;
}


/* A value of the object opens, at pos. */
static void
open_part(mutt_outline_t *o)
{
    o->element = o->pos + 1;

    if (o->n_parts < MUTT_OUTLINE_PARTS) {
        o->parts[o->n_parts].data = o->body.data + o->pos;
        o->places[o->n_parts] = o->text.len;
    }
}


static void
close_part(mutt_outline_t *o)
{
    if (o->n_parts < MUTT_OUTLINE_PARTS) {
        mutt_str_t *part = &o->parts[o->n_parts];

        part->len = (size_t) (o->body.data + o->pos + 1 - part->data);
    }

    o->n_parts++;
}


/* A character outside of strings. */
static bool
take_structure(mutt_outline_t *o, char c)
{
    bool own = o->depth <= OWN;

    switch (c) {
    case '"':
        o->quoted = true;
        break;

    case '{':
    case '[':
        if (o->depth == OWN) {
            open_part(o);
        }

        o->depth++;
        break;

    case '}':
    case ']':
        if (o->depth == OWN + 1) {
            end_element(o);
            close_part(o);
            own = true;
        }

        o->depth -= o->depth > 0;
        break;

    case ',':
        if (o->depth == OWN + 1) {
            end_element(o);
        }
        break;

    default:
        break;
    }

    return own;
}


/* A character inside of a string. */
static void
take_quoted(mutt_outline_t *o, char c)
{
    if (o->escaped) {
        o->escaped = false;
    } else if (c == '\\') {
        o->escaped = true;
    } else if (c == '"') {
        o->quoted = false;
    }
}


bool
mutt_outline_step(mutt_outline_t *outline, size_t bytes)
{
    mutt_outline_t *o = outline;
    size_t end = o->body.len - o->pos < bytes ? o->body.len : o->pos + bytes;

    for (; o->pos < end; o->pos++) {
        char c = o->body.data[o->pos];
        bool own = o->depth <= OWN;

        if (o->quoted) {
            take_quoted(o, c);
        } else {
            own = take_structure(o, c);
        }

        if (own) {
            mutt_buf_add(&o->text, &c, 1);
        }
    }

    return o->pos == o->body.len;
}


mutt_str_t
mutt_outline_value(const mutt_outline_t *outline, mutt_str_t value)
{
    size_t place = (size_t) (value.data - outline->text.data);

    for (size_t i = 0; i < outline->n_parts && i < MUTT_OUTLINE_PARTS; i++) {
        if (outline->places[i] == place) {
            return outline->parts[i];
        }
    }

    return value;
}


size_t
mutt_outline_offset(const mutt_outline_t *outline, size_t offset)
{
    size_t left_out = 0;

    for (size_t i = 0; i < outline->n_parts && i < MUTT_OUTLINE_PARTS; i++) {
        if (outline->places[i] < offset) {
            left_out += outline->parts[i].len - (sizeof("[]") - 1);
        }
    }

    return offset + left_out;
}


void
mutt_outline_done(mutt_outline_t *outline)
{
    mutt_buf_done(&outline->text);
}
