/* What routes take and answer, and the schemas of it; rows in .def files. */

#ifndef MUTT_OPERATIONS_H
#define MUTT_OPERATIONS_H

#include <stddef.h>

/* A row of mutt_operations.def. */
typedef struct {
    const char *method;
    const char *path;
    const char *since;
    const char *parameters; /* names with spaces between */
    const char *request;    /* schema; in brackets: optional; "": no body */
    int status;
    const char *answer; /* schema, media type before it; "": no body */
    const char *errors; /* statuses with spaces between */
} mutt_operation_t;

/* A schema, or a query parameter with its description. */
typedef struct {
    const char *name;
    const char *json;
    const char *help; /* NULL: of schemas */
} mutt_schema_t;

extern const mutt_operation_t mutt_operations[];
extern const size_t mutt_operations_n;

extern const mutt_schema_t mutt_schemas[];
extern const size_t mutt_schemas_n;

extern const mutt_schema_t mutt_parameters[];
extern const size_t mutt_parameters_n;

/* The row of a route, or NULL. */
const mutt_operation_t *mutt_operation_of(const char *method, const char *path);

#endif
