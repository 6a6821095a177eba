/* muttdev keys: named keys of the API. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "core/mutt_time.h"

#define DAYS_MAX 36500

static const column_t keys[] = {
    { "ID", "id" },
    { "NAME", "name" },
    { "SCOPES", "scopes" },
    { "PER MINUTE", "rate_limit" },
    { "CREATED", "created_at" },
    { "LAST USED", "last_used_at" },
    { "EXPIRES", "expires_at" },
    { "REVOKED", "revoked_at" },
    { NULL, NULL },
};

static const option_t add_takes[] = {
    API_SCOPE, API_EXPIRES, API_LIMIT, API_REASON, { 0 },
};

static const option_t rotate_takes[] = {
    API_EXPIRES,
    API_RETIRE,
    API_REASON,
    { 0 },
};

static const option_t revoke_takes[] = {
    API_ID,
    API_REASON,
    { 0 },
};


/* A moment, or "90d" from now; the API checks the rest. */
static void
add_moment(json_t *body, const char *name, const char *text)
{
    char moment[MUTT_TIME_LEN + 1];
    char *end;

    if (text == NULL) {
        return;
    }

    long days = strtol(text, &end, 10);

    if (end != text && strcmp(end, "d") == 0 && days > 0 && days <= DAYS_MAX) {
        mutt_time_format(mutt_time_now() + days * 86400 * MUTT_USEC_SEC,
                         moment);
        text = moment;
    }

    (void) json_object_set_new(body, name, json_string(text));
}


/* "ingest,read" as an array. */
static json_t *
scopes_of(const char *text)
{
    json_t *scopes = json_array();

    while (*text != '\0') {
        size_t len = strcspn(text, ",");

        (void) json_array_append_new(scopes, json_stringn(text, len));
        text += len + (text[len] == ',');
    }

    return scopes;
}


static json_t *
add_body(const options_t *options)
{
    if (api_fields.scope == NULL) {
        (void) options_wrong(&muttdev_keys_add, "--scope is missing: ingest, "
                                                "read, write or admin");
        return NULL;
    }

    json_t *body = api_reason(options);

    (void) json_object_set_new(body, "name", json_string(options->words[0]));
    (void) json_object_set_new(body, "scopes", scopes_of(api_fields.scope));
    add_moment(body, "expires_at", api_fields.expires);

    if (api_fields.limit != 0) {
        (void) json_object_set_new(body, "rate_limit",
                                   json_integer(api_fields.limit));
    }

    return body;
}


/* A limit, or "none"; the API checks the rest. */
static json_t *
limit_body(const options_t *options)
{
    char *end;
    const char *text = options->words[1];
    long long limit = strtoll(text, &end, 10);
    bool number = end != text && *end == '\0';

    if (!number && strcmp(text, "none") != 0) {
        (void) options_wrong(&muttdev_keys_limit,
                             "EVENTS is a number, or none");
        return NULL;
    }

    json_t *body = api_reason(options);

    (void) json_object_set_new(body, "rate_limit",
                               number ? json_integer(limit) : json_null());

    return body;
}


static json_t *
rotate_body(const options_t *options)
{
    json_t *body = api_reason(options);

    add_moment(body, "expires_at", api_fields.expires);
    add_moment(body, "retire_at", api_fields.retire);

    return body;
}


static json_t *
revoke_body(const options_t *options)
{
    json_t *body = api_reason(options);

    if (api_fields.id != 0) {
        (void) json_object_set_new(body, "id", json_integer(api_fields.id));
    }

    return body;
}


/* The key alone is on stdout, for a file or a variable. */
static void
show_key(const json_t *answer)
{
    (void) fprintf(stderr, "Key %s of %s; it is not shown again:\n",
                   print_member(answer, "id"), print_member(answer, "name"));
    (void) printf("%s\n", print_member(answer, "key"));
}


static void
show_message(const json_t *answer)
{
    (void) printf("%s\n", print_member(answer, "message"));
}


API_COMMAND(keys_list, "keys list", "", "named keys, and when they were used",
            "\nThe built-in ones of the environment are not among them.\n",
            NULL, "GET", "keys", NULL, "keys", keys, NULL)
API_COMMAND(keys_add, "keys add",
            "NAME --scope SCOPES [--expires WHEN] [--limit N] [--reason TEXT]",
            "make a named key, which is shown this once",
            "\nSCOPES are ingest, read, write, admin, with commas between "
            "them; admin\nimplies write, write implies read. WHEN is RFC 3339 "
            "or 90d. N is how many\nevents a minute it may send. The key is "
            "all there is on stdout.\n",
            add_takes, "POST", "keys", add_body, NULL, NULL, show_key)
API_COMMAND(keys_limit, "keys limit", "NAME EVENTS [--reason TEXT]",
            "how many events a minute each key of a name may send",
            "\nEVENTS is none where only the limit of all keys counts.\n",
            api_takes_reason, "PUT", "keys/%s", limit_body, NULL, NULL,
            show_message)
API_COMMAND(keys_rotate, "keys rotate",
            "NAME [--expires WHEN] [--retire WHEN] [--reason TEXT]",
            "make a second key of that name, to move a sender to",
            "\nBoth are good until the first is revoked (keys revoke NAME --id "
            "N) or\n--retire is over.\n",
            rotate_takes, "POST", "keys/%s/rotate", rotate_body, NULL, NULL,
            show_key)
API_COMMAND(keys_revoke, "keys revoke", "NAME [--id N] [--reason TEXT]",
            "revoke all keys of a name, or the one with that id", "",
            revoke_takes, "DELETE", "keys/%s", revoke_body, NULL, NULL,
            show_message)
