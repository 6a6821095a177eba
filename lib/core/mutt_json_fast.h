/*
 * The one reader of JSON on the hot paths: simdjson behind a C interface.
 *
 * It reads one object and lists its members; it accepts exactly what MUTT
 * accepts from a client: strict RFC 8259 in valid UTF-8 without a byte order
 * mark, no unpaired surrogate escape, no duplicate member at any level, at
 * most MUTT_JSON_DEPTH levels, at most MUTT_JSON_ELEMENTS members and
 * elements in all, numbers of any size that a double can hold (or integers
 * of any size) written in at most MUTT_JSON_NUMBER characters.
 */

#ifndef MUTT_JSON_FAST_H
#define MUTT_JSON_FAST_H

#include "mutt_error.h"
#include "mutt_str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MUTT_JSON_DEPTH 32
#define MUTT_JSON_ELEMENTS 1024
#define MUTT_JSON_NUMBER 512

/* What MUTT may put around a client's event, in levels and in members. */
#define MUTT_JSON_OUR_DEPTH 1
#define MUTT_JSON_OUR_ELEMENTS 64

typedef enum {
    MUTT_JSON_NULL,
    MUTT_JSON_BOOL,
    MUTT_JSON_NUMBER_VALUE,
    MUTT_JSON_STRING,
    MUTT_JSON_ARRAY,
    MUTT_JSON_OBJECT
} mutt_json_type_t;

/* One member of the object that was read. */
typedef struct {
    mutt_str_t name;   /* decoded; lives in the reader */
    mutt_str_t text;   /* decoded string value, empty for other types */
    mutt_str_t raw;    /* the value's bytes, in the caller's input */
    mutt_str_t member; /* from the name's quote to the value's end, in
                          the caller's input */
    mutt_json_type_t type;
} mutt_json_member_t;

typedef enum {
    MUTT_JSON_OK,
    MUTT_JSON_SYNTAX,     /* not JSON */
    MUTT_JSON_REFUSED,    /* JSON, but a duplicate member or a number past
                             the bounds */
    MUTT_JSON_UTF8,       /* bytes or escapes that are no Unicode text */
    MUTT_JSON_NOT_OBJECT, /* JSON, but no object */
    MUTT_JSON_TOO_DEEP,   /* nesting or element cap */
    MUTT_JSON_NOMEM
} mutt_json_status_t;

typedef struct mutt_json_reader_s mutt_json_reader_t;

/* A reader with its buffers, for one thread; NULL when out of memory. */
mutt_json_reader_t *mutt_json_reader_create(void);

/* Accepts NULL. */
void mutt_json_reader_destroy(mutt_json_reader_t *reader);

/*
 * Reads input as one object.  On MUTT_JSON_OK *members points to *n members
 * in the order of the text, which live until the next call.  Otherwise
 * *offset is where in input the fault was seen (0 where unknown).  Input
 * needs no padding and is not changed.
 */
mutt_json_status_t mutt_json_read_object(mutt_json_reader_t *reader,
                                         mutt_str_t input,
                                         const mutt_json_member_t **members,
                                         size_t *n, size_t *offset);

/*
 * As mutt_json_read_object(), for an item of a queue: what MUTT adds to an
 * event does not count towards the caps that the event was admitted under.
 */
mutt_json_status_t mutt_json_read_item(mutt_json_reader_t *reader,
                                       mutt_str_t input,
                                       const mutt_json_member_t **members,
                                       size_t *n, size_t *offset);

#ifdef __cplusplus
}
#endif

#endif
