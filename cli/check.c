#include "check.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain/mutt_keys.h"
#include "muttdev.h"


mutt_rc_t
check_open(check_t *check, mutt_err_t *err)
{
    *check = (check_t) { 0 };

    mutt_rc_t rc = muttdev_settings(&check->settings, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    check->redis = mutt_redis_create(check->settings, "muttdev");

    if (check->redis == NULL) {
        return mutt_fail(err, MUTT_CONFIG,
                         "REDIS_URL is not redis://, rediss:// or unix://");
    }

    return mutt_redis_connect(check->redis, err);
}


void
check_close(check_t *check)
{
    mutt_redis_destroy(check->redis);
    mutt_settings_destroy(check->settings);
    *check = (check_t) { 0 };
}


mutt_rc_t
check_call(check_t *check, size_t argc, const mutt_str_t *argv,
           const mutt_reply_t **reply, mutt_err_t *err)
{
    mutt_rc_t rc = mutt_redis_call(check->redis, argc, argv, 0, reply, err);

    if (rc == MUTT_OK && (*reply)->type == MUTT_REPLY_ERROR) {
        return mutt_fail(err, MUTT_UNAVAIL, "redis: %.*s: %.150s",
                         MUTT_STR_ARG(argv[0]), (*reply)->str.data);
    }

    return rc;
}


bool
check_member(mutt_json_reader_t *reader, mutt_str_t element, const char *name,
             mutt_str_t *text)
{
    const mutt_json_member_t *members;
    size_t n;
    size_t offset;

    if (mutt_json_read_item(reader, element, &members, &n, &offset) !=
        MUTT_JSON_OK) {
        return false;
    }

    for (size_t i = 0; i < n; i++) {
        if (members[i].type == MUTT_JSON_STRING &&
            mutt_str_eq(members[i].name, mutt_str(name))) {
            *text = members[i].text;
            return true;
        }
    }

    return false;
}


void
check_pause(int ms)
{
    (void) poll(NULL, 0, ms);
}


int
check_cannot_tell(const char *command, const mutt_err_t *err)
{
    bool away = err->rc == MUTT_UNAVAIL || err->rc == MUTT_TIMEOUT;

    (void) fprintf(stderr, "muttdev %s: cannot tell: %s%s\n", command,
                   err->text,
                   away ? "; it is asked at REDIS_URL and DATABASE_URL, "
                          "\"muttdev doctor\" looks closer"
                        : "");

    return CHECK_UNKNOWN;
}


mutt_rc_t
check_workers(check_t *check, char ***ids, size_t *n, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc =
        check_call(check, 2,
                   (mutt_str_t[]) { MUTT_STR("SMEMBERS"),
                                    mutt_str(mutt_keys[MUTT_KEY_WORKERS]) },
                   &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    *n = 0;
    *ids = calloc(reply->n + 1, sizeof(char *));

    for (size_t i = 0; *ids != NULL && i < reply->n; i++) {
        (*ids)[i] =
            strndup(reply->items[i]->str.data, reply->items[i]->str.len);
        *n = i + 1;

        if ((*ids)[i] == NULL) {
            check_workers_free(*ids, *n);
            *ids = NULL;
        }
    }

    return *ids == NULL ? mutt_fail(err, MUTT_NOMEM, "out of memory") : MUTT_OK;
}


void
check_workers_free(char **ids, size_t n)
{
    for (size_t i = 0; ids != NULL && i < n; i++) {
        free(ids[i]);
    }

    free(ids);
}
