/*
 * What the commands print.  Text of events is hostile: nothing of it reaches
 * a terminal but printable characters.
 */

#ifndef MUTT_CLI_PRINT_H
#define MUTT_CLI_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "core/mutt_str.h"

/* A column of a table; a row of them ends with a title of NULL. */
typedef struct {
    const char *title;
    const char *member; /* "oldest.failed_at" is a member's member */
} column_t;

/* Text whose control characters are written as \uNNNN, and bytes that are no
 * UTF-8 as \xNN; returns how many columns it takes.  out NULL: only that. */
size_t print_text(FILE *out, mutt_str_t text);

/* One line of JSON, or indented; MUTTDEV_DONE or MUTTDEV_FAILED. */
int print_json(const json_t *value, bool one_line);

/* Objects as rows below the titles, in columns; none says so. */
void print_table(const json_t *rows, const column_t *columns);

/* A member's text, "-" for null and for none; lives as long as value, or to
 * the next call but seven. */
const char *print_member(const json_t *value, const char *member);

/* How long that is, for people: "3m 20s"; lives as print_member()'s text. */
const char *print_duration(double seconds);

#endif
