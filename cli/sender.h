/* Requests to /ingest: many at once, each with a batch of events. */

#ifndef MUTT_CLI_SENDER_H
#define MUTT_CLI_SENDER_H

#include "core/mutt_error.h"
#include "options.h"

/* A request that ended; the body is the answer's. */
typedef void (*sender_done_t)(void *data, size_t events, long status,
                              mutt_str_t body, double seconds,
                              const char *error);

typedef struct sender_s sender_t;

/* parallel requests at a time; gzip: bodies are compressed.  NULL with err
 * filled. */
sender_t *sender_create(const options_t *options, long parallel, bool gzip,
                        sender_done_t done, void *data, mutt_err_t *err);

/* Waits for what is under way.  Accepts NULL. */
void sender_destroy(sender_t *sender);

/* Queues a request with a body of so many events, after a free place among
 * the parallel ones; waits for it. */
MUTT_CHECKED mutt_rc_t sender_put(sender_t *sender, mutt_str_t body,
                                  size_t events, mutt_err_t *err);

/* Says on stderr why a request was not taken: of status 0 with the error, or
 * of another status than 200 with the answer. */
void sender_complain(const muttdev_command_t *command, long status,
                     mutt_str_t body, const char *error);

/* Lets requests go on for at most that long. */
MUTT_CHECKED mutt_rc_t sender_turn(sender_t *sender, int ms, mutt_err_t *err);

/* Waits for the rest. */
MUTT_CHECKED mutt_rc_t sender_finish(sender_t *sender, mutt_err_t *err);

#endif
