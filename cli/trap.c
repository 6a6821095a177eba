#include "trap.h"

#include <stdlib.h>
#include <string.h>

#include "core/mutt_buf.h"

#define MESSAGE_MAX 65536


static const char *
text_of(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));

    return text == NULL ? "" : text;
}


static void
add_value(mutt_buf_t *message, const char *name, const json_t *value)
{
    char *text = json_is_string(value)
                     ? strdup(json_string_value(value))
                     : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    MUTT_BUF_LIT(message, " ");
    mutt_buf_add_str(message, mutt_str(name));
    MUTT_BUF_LIT(message, "=");
    mutt_buf_add_str(message, mutt_str(text));
    free(text);
}


/* Variables are an object by OID, or an array of {"oid", "value"}. */
static void
add_variables(mutt_buf_t *message, const json_t *variables)
{
    const char *name;
    const json_t *value;
    size_t i;

    json_object_foreach((json_t *) variables, name, value)
    {
        add_value(message, name, value);
    }

    json_array_foreach(variables, i, value)
    {
        const char *oid = text_of(value, "oid");

        add_value(message, oid[0] == '\0' ? text_of(value, "name") : oid,
                  json_object_get(value, "value"));
    }
}


bool
trap_complete(json_t *record, mutt_err_t *err)
{
    mutt_buf_t message;

    if (text_of(record, "trap_oid")[0] == '\0') {
        (void) mutt_fail(err, MUTT_INVALID, "has no trap_oid");
        return false;
    }

    if (text_of(record, "hostname")[0] == '\0') {
        if (text_of(record, "source_ip")[0] == '\0') {
            (void) mutt_fail(err, MUTT_INVALID,
                             "has neither hostname nor source_ip");
            return false;
        }

        (void) json_object_set(record, "hostname",
                               json_object_get(record, "source_ip"));
    }

    if (text_of(record, "message")[0] == '\0') {
        mutt_buf_init(&message, MESSAGE_MAX);
        MUTT_BUF_LIT(&message, "SNMP trap ");
        mutt_buf_add_str(&message, mutt_str(text_of(record, "trap_oid")));
        add_variables(&message, json_object_get(record, "variables"));
        (void) json_object_set_new(
            record, "message",
            json_stringn(message.data == NULL ? "" : message.data,
                         message.len));
        mutt_buf_done(&message);
    }

    if (json_object_get(record, "source") == NULL) {
        (void) json_object_set_new(record, "source", json_string("snmp"));
    }

    return true;
}
