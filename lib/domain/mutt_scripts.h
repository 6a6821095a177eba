/* The embedded text of the scripts; generated from lua/ by tools/embed_lua. */

#ifndef MUTT_SCRIPTS_H
#define MUTT_SCRIPTS_H

#include <stddef.h>

/* The scripts of lib/domain/lua, by file name. */
typedef enum {
#define SCRIPT(id, file) MUTT_SCRIPT_##id,
#include "mutt_scripts.def"
#undef SCRIPT
    MUTT_SCRIPT_COUNT
} mutt_script_t;

typedef struct {
    const char *name;
    const char *text;
    size_t len;
} mutt_script_text_t;

/* By mutt_script_t. */
extern const mutt_script_text_t mutt_scripts[];

#endif
