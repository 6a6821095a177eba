#include "mutt_keys.h"

const char *const mutt_keys[MUTT_KEY_COUNT] = {
#define KEY(id, name, type, writer) name,
#include "mutt_keys.def"
#undef KEY
};
