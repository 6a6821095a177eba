#include "mutt_api_errors.h"

const mutt_api_error_t mutt_api_errors[MUTT_API_ERROR_COUNT] = {
#define API_ERROR(id, code, status, reason, text)                              \
    { code, status, reason, text },
#include "mutt_api_errors.def"
#undef API_ERROR
};
