/* The API's error codes as an enum and a table; rows in the .def file. */

#ifndef MUTT_API_ERRORS_H
#define MUTT_API_ERRORS_H

typedef enum {
#define API_ERROR(id, code, status, reason, text) MUTT_API_##id,
#include "mutt_api_errors.def"
#undef API_ERROR
    MUTT_API_ERROR_COUNT
} mutt_api_code_t;

typedef struct {
    const char *code;
    int status;
    const char *reason;
    const char *text;
} mutt_api_error_t;

extern const mutt_api_error_t mutt_api_errors[MUTT_API_ERROR_COUNT];

#endif
