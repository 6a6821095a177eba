/* The embedded text of the scripts; generated from lua/ by tools/embed_lua. */

#ifndef MUTT_SCRIPTS_H
#define MUTT_SCRIPTS_H

#include <stddef.h>

typedef struct {
    const char *name;
    const char *text;
    size_t len;
} mutt_script_text_t;

/* In the order of mutt_scripts.def. */
extern const mutt_script_text_t mutt_scripts[];

#endif
