/* What the checks share: their exit codes and how they look into Redis. */

#ifndef MUTTDEV_CHECK_H
#define MUTTDEV_CHECK_H

#include "conf/mutt_settings.h"
#include "core/mutt_error.h"
#include "core/mutt_json_fast.h"
#include "core/mutt_str.h"
#include "io/mutt_redis.h"

/* what a check found; the lowest that applies is its exit status */
typedef enum {
    CHECK_FINE = 0,
    CHECK_DIFFERENT = 1,
    CHECK_MISSING = 2,
    CHECK_DOUBLE = 3,
    CHECK_UNKNOWN = 4
} check_code_t;

/* Settings and a connection to Redis, which the caller gives back by
 * check_close(), also after a failure. */
typedef struct {
    mutt_settings_t *settings;
    mutt_redis_t *redis;
} check_t;

MUTT_CHECKED mutt_rc_t check_open(check_t *check, mutt_err_t *err);
void check_close(check_t *check);

/* As mutt_redis_call(), but an error reply is a failure too. */
MUTT_CHECKED mutt_rc_t check_call(check_t *check, size_t argc,
                                  const mutt_str_t *argv,
                                  const mutt_reply_t **reply, mutt_err_t *err);

/* The text of a queue element's member; false when it has none. */
bool check_member(mutt_json_reader_t *reader, mutt_str_t element,
                  const char *name, mutt_str_t *text);

/* Waits that long. */
void check_pause(int ms);

/* Prints the one line of a check that could not be made; CHECK_UNKNOWN. */
int check_cannot_tell(const char *command, const mutt_err_t *err);

/* The ids of all workers that are known of, "kind:pod"; the caller frees
 * each and the array. */
MUTT_CHECKED mutt_rc_t check_workers(check_t *check, char ***ids, size_t *n,
                                     mutt_err_t *err);
void check_workers_free(char **ids, size_t n);

#endif
