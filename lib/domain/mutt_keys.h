/* Names of Redis keys, rows in the .def file; prefixes end in a colon. */

#ifndef MUTT_KEYS_H
#define MUTT_KEYS_H

typedef enum {
#define KEY(id, name, type, writer) MUTT_KEY_##id,
#include "mutt_keys.def"
#undef KEY
    MUTT_KEY_COUNT
} mutt_key_t;

extern const char *const mutt_keys[MUTT_KEY_COUNT];

#endif
