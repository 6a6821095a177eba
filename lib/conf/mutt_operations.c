#include "mutt_operations.h"

#include <string.h>

const mutt_operation_t mutt_operations[] = {
#define OPERATION(method, path, since, parameters, request, status, answer,    \
                  errors)                                                      \
    { method, path, since, parameters, request, status, answer, errors },
#include "mutt_operations.def"
#undef OPERATION
};

const size_t mutt_operations_n =
    sizeof(mutt_operations) / sizeof(mutt_operations[0]);

/* a schema has commas of its own, so that it is all the arguments left */
const mutt_schema_t mutt_schemas[] = {
#define SCHEMA(name, ...) { #name, #__VA_ARGS__, NULL },
#define PARAMETER(name, help, ...)
#include "mutt_schemas.def"
#undef SCHEMA
#undef PARAMETER
};

const size_t mutt_schemas_n = sizeof(mutt_schemas) / sizeof(mutt_schemas[0]);

const mutt_schema_t mutt_parameters[] = {
#define SCHEMA(name, ...)
#define PARAMETER(name, help, ...) { #name, #__VA_ARGS__, help },
#include "mutt_schemas.def"
#undef SCHEMA
#undef PARAMETER
};

const size_t mutt_parameters_n =
    sizeof(mutt_parameters) / sizeof(mutt_parameters[0]);


const mutt_operation_t *
mutt_operation_of(const char *method, const char *path)
{
    for (size_t i = 0; i < mutt_operations_n; i++) {
        if (strcmp(mutt_operations[i].method, method) == 0 &&
            strcmp(mutt_operations[i].path, path) == 0) {
            return &mutt_operations[i];
        }
    }

    return NULL;
}
